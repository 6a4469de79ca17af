/**
 * ZEGOCLOUD's signature: the hex SHA-1 of the CallbackSecret, `timestamp` and `nonce`, sorted and joined.
 *
 * It covers these three strings and nothing else: not the body, the event, the app or the task. There is no separator
 * between the strings, so one signature also fits other splits of the same characters. The ledger exists for both
 * reasons.
 */
import { bytesOf } from './bytes.ts'
import { type Fields, signedText } from './json.ts'
import { Refused } from './refusal.ts'

/** The part of a callback that is read before the callback is trusted. */
export type Envelope = {
  appid: string | undefined
  timestamp: string
  nonce: string
  /** In lower case: the ledger's key. */
  signature: string
}

type Signed = Pick<Envelope, 'timestamp' | 'nonce'>

/** CallbackSecrets that are valid for every app, and those of one app each. */
export type Secrets = { everyApp: readonly string[]; byApp: ReadonlyMap<string, readonly string[]> }

/** Timestamp and nonce together; real ones have about 30. Each configured secret costs a hash of them. */
const SIGNED_LIMIT_CHARACTERS = 1_024

const SHA1_HEX = /^[0-9a-f]{40}$/

/** The longest time that a CallbackSecret is assumed to stay in use: what it signed can come again until then. */
export const SECRET_LIFE_MS = 5 * 366 * 86_400_000

export function envelopeOf(fields: Fields): Envelope {
  const text = (name: string) => signedText(fields.get(name)) ?? ''
  return {
    appid: signedText(fields.get('appid')),
    timestamp: text('timestamp'),
    nonce: text('nonce'),
    signature: text('signature').toLowerCase(),
  }
}

/** As ZEGOCLOUD signs, in lower-case hex. */
export async function sign(secret: string, signed: Signed): Promise<string> {
  return new Uint8Array(await digestOf(secret, signed)).toHex()
}

/** Throws `Refused` unless the signature was made with a secret of the callback's own app. */
export async function verify(envelope: Envelope, secrets: Secrets): Promise<void> {
  const { timestamp, nonce, signature } = envelope
  const isTooLong = timestamp.length + nonce.length > SIGNED_LIMIT_CHARACTERS
  if (!SHA1_HEX.test(signature) || isTooLong) throw new Refused({ code: 'bad_signature' })
  const own = envelope.appid === undefined ? [] : (secrets.byApp.get(envelope.appid) ?? [])
  if (await isSignedWithAny(envelope, [...secrets.everyApp, ...own])) return
  const isKnown = await isSignedWithAny(envelope, [...secrets.byApp.values()].flat())
  throw new Refused({ code: isKnown ? 'unknown_app' : 'bad_signature' })
}

/**
 * Unix time in milliseconds, from seconds (documented) or milliseconds (sibling products). Only 10 or 13 digits are
 * accepted: with any other length allowed, one signature would fit many more timestamps.
 */
export function timeOf(timestamp: string): number | undefined {
  if (!/^\d{10}(?:\d{3})?$/.test(timestamp)) return undefined
  return timestamp.length === 10 ? Number(timestamp) * 1000 : Number(timestamp)
}

/**
 * Throws `Refused` unless the timestamp is valid now.
 * @param toleranceSeconds how far it may be from now, either way; with 0 only its form is checked
 */
export function checkFreshness(timestamp: string, now: number, toleranceSeconds: number): void {
  const time = timeOf(timestamp)
  if (time === undefined) throw new Refused({ code: 'invalid_timestamp' })
  const age = now - time
  if (toleranceSeconds === 0 || Math.abs(age) <= toleranceSeconds * 1000) return
  throw new Refused({ code: 'stale', ageSeconds: Math.round(age / 1000) })
}

/**
 * The latest time, in milliseconds, that the signed characters can claim when they are split into timestamp and nonce
 * elsewhere. Until that time is stale the signature can come again, so the ledger has to keep it. Times more than five
 * years after the receipt do not count: by then the secret has been replaced.
 */
export function latestClaim(timestamp: string, nonce: string, receivedAt: number): number {
  const joined = byCodePoint(timestamp, nonce) <= 0 ? timestamp + nonce : nonce + timestamp
  let latest = 0
  for (const digits of [10, 13]) {
    for (const split of [joined.slice(0, digits), joined.slice(-digits)]) {
      const time = timeOf(split) ?? 0
      if (time > latest && time <= receivedAt + SECRET_LIFE_MS) latest = time
    }
  }
  return latest
}

async function isSignedWithAny(envelope: Envelope, secrets: readonly string[]): Promise<boolean> {
  const claimed = Uint8Array.fromHex(envelope.signature)
  for (const secret of secrets) {
    if (crypto.subtle.timingSafeEqual(await digestOf(secret, envelope), claimed)) return true
  }
  return false
}

function digestOf(secret: string, { timestamp, nonce }: Signed): Promise<ArrayBuffer> {
  const texts = [secret, timestamp, nonce].map((text) => text.toWellFormed())
  return crypto.subtle.digest('SHA-1', bytesOf(texts.toSorted(byCodePoint).join('')))
}

/** UTF-8 bytes sort in this order; JavaScript's own order differs for characters beyond U+FFFF. */
function byCodePoint(a: string, b: string): number {
  let at = 0
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1
  return (a.codePointAt(at) ?? -1) - (b.codePointAt(at) ?? -1)
}
