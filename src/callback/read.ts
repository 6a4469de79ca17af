/** One reading of a callback, whoever needs it: the request, the buffer, a retry, a dispute. */
import type { CompletedRecord } from '../event.ts'
import { type RawBody, sha256 } from './bytes.ts'
import { contentOf, jsonOf } from './content.ts'
import { decode, type Named, textOf } from './decode.ts'
import type { Refusal } from './refusal.ts'
import { type Envelope, envelopeOf, latestClaim, timeOf } from './signature.ts'
import { readSnapshot, type Unusable } from './snapshot.ts'
import { readBody, readUtf8 } from './text.ts'
import { unpack, unpackRaw } from './unpack.ts'

/** What the body says, before its signature is verified. */
export type Decoded = Named & { raw: RawBody; envelope: Envelope }

/** Why no callback can be read from the bytes. */
export type Unread = Extract<Refusal, { code: 'undecodable' | 'body_too_large' }>

/** A verified callback, ready to be settled: all that the store has to know of it. */
export type VerifiedCallback = {
  /** In lower case: the ledger's key. */
  signature: string
  /** The hash of the content. */
  content: string
  /** How long the ledger has to keep the signature: the latest time that its characters can claim, in milliseconds. */
  latestClaim: number
  /** In milliseconds. */
  receivedAt: number
  /** The callback's own timestamp, in milliseconds, if it is one. */
  signedAt: number | undefined
  /** At most 512 characters, as is the task_id: for people to find it by. */
  event: string | undefined
  task_id: string | undefined
  appid?: string | undefined
  raw: RawBody
  /** `text` is the record's JSON. */
  snapshot: { record: CompletedRecord; text: string } | Unusable
}

/** Real ones are shorter. */
const SHOWN_CHARACTERS = 512

const OPENING_BRACE = 0x7b

export async function decodeBody(raw: RawBody): Promise<Decoded | Unread> {
  const named = usual(raw) ?? (await unpackAndDecode(raw))
  if ('code' in named) return named
  const { fields, fits } = named
  return { fields, fits, raw, envelope: envelopeOf(fields) }
}

/**
 * @param decoded verified and fresh, or kept as evidence
 * @param receivedAt in milliseconds
 */
export async function readCallback(decoded: Decoded, receivedAt: number): Promise<VerifiedCallback> {
  const { raw, envelope } = decoded
  const { signature, timestamp, nonce } = envelope
  const content = contentOf(decoded, raw.contentType)
  const json = jsonOf(content)
  const signedAt = timeOf(timestamp)
  return {
    signature,
    content: await sha256(json.bytes),
    latestClaim: latestClaim(timestamp, nonce, receivedAt),
    receivedAt,
    signedAt,
    event: shown(content.event),
    task_id: shown(content.task_id),
    appid: shown(envelope.appid),
    raw,
    snapshot: readSnapshot(content, json, signedAt, receivedAt),
  }
}

/** A body that was verified when it was received. */
export async function readVerified(raw: RawBody, receivedAt: number): Promise<VerifiedCallback | Unread> {
  const decoded = await decodeBody(raw)
  return 'code' in decoded ? decoded : readCallback(decoded, receivedAt)
}

/** The task_id of a body that nothing vouches for: for the log, and for people to find the body by. */
export function taskIdOf({ fields }: Decoded): string | undefined {
  return shown(textOf(fields.get('task_id')))
}

/** Nearly every callback is JSON in UTF-8, not packed: nothing else has to be tried. */
function usual({ bytes, contentType }: RawBody): ReturnType<typeof decode> | undefined {
  const body = bytes[0] === OPENING_BRACE ? readUtf8(bytes) : undefined
  return body && decode(body, contentType)
}

async function unpackAndDecode({ bytes, contentType }: RawBody): Promise<Named | Unread> {
  const decodeUnpacked = (unpacked: Uint8Array | Unread) =>
    'code' in unpacked ? unpacked : decode(readBody(unpacked, contentType), contentType)
  const named = decodeUnpacked(await unpack(bytes))
  if (!('code' in named) || named.code !== 'undecodable') return named
  const unpacked = await unpackRaw(bytes)
  return unpacked === undefined ? named : decodeUnpacked(unpacked)
}

function shown(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, SHOWN_CHARACTERS) : undefined
}
