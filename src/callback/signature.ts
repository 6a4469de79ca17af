/**
 * ZEGOCLOUD's signature: the hex SHA-1 of the CallbackSecret, `timestamp` and `nonce`, sorted and joined.
 *
 * It covers these three strings and nothing else: not the body, the event, the app or the task. And with no separator
 * between them, one signature is good for other splits of the same characters. The ledger exists for both reasons.
 */
import { bytesOf } from './bytes.ts'
import { type Fields, textOf } from './decode.ts'
import type { Refusal } from './refusal.ts'

/** The part of a callback that is looked at before it is trusted. */
export type Envelope = {
  appid: string | undefined
  timestamp: string
  nonce: string
  /** In lower case: the ledger's key. */
  signature: string
}

/** CallbackSecrets good for every app, and those of one app each. */
export type Secrets = { everyApp: readonly string[]; byApp: ReadonlyMap<string, readonly string[]> }

/** Of timestamp and nonce, which have some thirty: each secret hashes them before anything is known of the sender. */
const SIGNED_LIMIT_CHARACTERS = 1_024

const SHA1_HEX = /^[0-9a-f]{40}$/

export function envelopeOf(fields: Fields): Envelope {
  const text = (name: string) => textOf(fields.get(name)) ?? ''
  return {
    appid: textOf(fields.get('appid')),
    timestamp: text('timestamp'),
    nonce: text('nonce'),
    signature: text('signature').toLowerCase(),
  }
}

/** Why the signature is not to be trusted; `undefined` if a secret of the callback's own app gives it. */
export async function verify(
  envelope: Envelope,
  secrets: Secrets,
): Promise<Extract<Refusal, { code: 'bad_signature' | 'unknown_app' }> | undefined> {
  const { timestamp, nonce, signature } = envelope
  const isTooLong = timestamp.length + nonce.length > SIGNED_LIMIT_CHARACTERS
  if (!SHA1_HEX.test(signature) || isTooLong) return { code: 'bad_signature' }
  const own = envelope.appid === undefined ? [] : (secrets.byApp.get(envelope.appid) ?? [])
  if (await anyGives(envelope, [...secrets.everyApp, ...own])) return undefined
  if (await anyGives(envelope, [...secrets.byApp.values()].flat())) return { code: 'unknown_app' }
  return { code: 'bad_signature' }
}

async function anyGives(envelope: Envelope, secrets: readonly string[]): Promise<boolean> {
  const claimed = Uint8Array.fromHex(envelope.signature)
  for (const secret of secrets) {
    const digest = await crypto.subtle.digest('SHA-1', signedBytes(secret, envelope))
    if (crypto.subtle.timingSafeEqual(digest, claimed)) return true
  }
  return false
}

/** The three strings in the order of their bytes, joined without a separator. */
function signedBytes(secret: string, { timestamp, nonce }: Envelope): Uint8Array {
  const texts = [secret, timestamp, nonce].map((text) => text.toWellFormed())
  return bytesOf(texts.toSorted(byCodePoint).join(''))
}

/** The order of UTF-8's bytes. JavaScript's own differs beyond U+FFFF. */
function byCodePoint(a: string, b: string): number {
  let at = 0
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1
  return (a.codePointAt(at) ?? -1) - (b.codePointAt(at) ?? -1)
}
