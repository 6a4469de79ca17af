/** One reading of a callback, whoever needs it: the request, the buffer, a retry, a dispute. */
import type { CompletedRecord } from '../event.ts'
import { bytesOf, sha256 } from './bytes.ts'
import { contentOf, readSnapshot, type Unusable } from './content.ts'
import { decode, type Fields } from './decode.ts'
import { latestClaim, timeOf } from './freshness.ts'
import type { Refusal } from './refusal.ts'
import { type Envelope, envelopeOf } from './signature.ts'

/** A request's body as it was received, and the two headers that describe it. */
export type RawBody = { bytes: Uint8Array; contentType: string | null; contentEncoding: string | null }

/** What the body says, before its signature is verified. */
export type Decoded = { raw: RawBody; fields: Fields; envelope: Envelope }

/** A verified callback, ready to be settled: all that the store has to know of it. */
export type VerifiedCallback = {
  /** In lower case: the ledger's key. */
  signature: string
  /** The hash of the content. */
  content: string
  /** The latest time that a split of the signed characters can claim, in milliseconds. */
  latestClaim: number
  /** In milliseconds. */
  receivedAt: number
  /** The callback's own timestamp, in milliseconds, if it is one. */
  signedAt: number | undefined
  /** As far as they are known. */
  task_id: string | undefined
  event: string | undefined
  raw: RawBody
  /** `text` is the record's JSON. */
  snapshot: { record: CompletedRecord; text: string } | Unusable
}

/** For people to find it by; real ones are shorter. */
const SHOWN_LENGTH = 512

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

/** The fields and the envelope, or why no callback can be read from the bytes. */
export async function decodeBody(raw: RawBody): Promise<Decoded | Extract<Refusal, { code: 'undecodable' }>> {
  const decoded = decode(decoder.decode(raw.bytes))
  return 'code' in decoded ? decoded : { raw, fields: decoded.fields, envelope: envelopeOf(decoded.fields) }
}

/**
 * @param decoded verified and fresh, or kept as evidence
 * @param receivedAt in milliseconds
 */
export async function readCallback({ raw, fields, envelope }: Decoded, receivedAt: number): Promise<VerifiedCallback> {
  const { signature, timestamp, nonce } = envelope
  const content = contentOf(fields)
  const bytes = bytesOf(JSON.stringify(content))
  return {
    signature,
    content: await sha256(bytes),
    latestClaim: latestClaim(timestamp, nonce),
    receivedAt,
    signedAt: timeOf(timestamp),
    task_id: shown(content.task_id),
    event: shown(content.event),
    raw,
    snapshot: readSnapshot(content, bytes.length, timeOf(timestamp), receivedAt),
  }
}

function shown(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, SHOWN_LENGTH) : undefined
}

/** A body that was verified when it was received. */
export async function readVerified(
  raw: RawBody,
  receivedAt: number,
): Promise<VerifiedCallback | Extract<Refusal, { code: 'undecodable' }>> {
  const decoded = await decodeBody(raw)
  return 'code' in decoded ? decoded : readCallback(decoded, receivedAt)
}
