/**
 * What is kept of a refused callback, after its answer: no mistake of ours or of an operator's costs one. At best effort,
 * and bounded, since anyone can send callbacks that are refused.
 */
import { bytesOf, type RawBody, sha256 } from './callback/bytes.ts'
import { decode, type Decoded } from './callback/decode.ts'
import { describeRefusal, unlessRefused } from './callback/refusal.ts'
import { readCallback } from './callback/snapshot.ts'
import type { RefusedCallback } from './receive.ts'
import { onDatabase } from './store/database.ts'
import { keep, type NewEntry, newEntry, type UnverifiedReason } from './store/quarantine.ts'
import { hasRoomForUnverified, keepUnverified } from './store/unverified.ts'

/** A request that was refused, with what tells its entry from others. */
export type RefusedRequest = {
  raw: RawBody
  /** Where it was POSTed. */
  path: string
  /** In milliseconds. */
  receivedAt: number
  /** The version of the Worker that refused it. */
  version: string
}

/** Keeps what its reason allows. Throws when D1 does not take it. */
export async function keepRefused({ refusal, decoded }: RefusedCallback, request: RefusedRequest, db: D1Database) {
  const { detail } = describeRefusal(refusal)
  switch (refusal.code) {
    case 'bad_signature':
    case 'not_configured':
    case 'undecodable':
      return keepUnverifiedBody(refusal.code, detail, request, db, decoded)
    case 'unknown_app':
    case 'invalid_timestamp':
    case 'stale':
      return decoded && keepVerified(decoded, refusal.code, detail, request, db, refusal)
    default:
      return undefined
  }
}

async function keepVerified(
  decoded: Decoded,
  reason: 'unknown_app' | 'invalid_timestamp' | 'stale',
  detail: string,
  { receivedAt, path }: RefusedRequest,
  db: D1Database,
  refusal: RefusedCallback['refusal'],
): Promise<void> {
  const age_seconds = refusal.code === 'stale' ? refusal.ageSeconds : null
  const entry = { ...newEntry(await readCallback(decoded, receivedAt), reason, detail), path, age_seconds }
  await onDatabase(db, () => keep(db, entry, receivedAt))
}

/** @param decoded if that was done already; what came by a wrong path is kept only if it can be */
export async function keepUnverifiedBody(
  reason: UnverifiedReason,
  detail: string,
  request: RefusedRequest,
  db: D1Database,
  decoded?: Decoded,
): Promise<void> {
  const { raw, path, receivedAt, version } = request
  if (!hasRoomForUnverified(reason, raw.bytes.length, receivedAt)) return
  const read = decoded ?? (await unlessRefused(decode(raw)))
  if (read === undefined && reason === 'wrong_path') return
  const entry =
    read === undefined
      ? await unreadableEntry(reason, detail, request)
      : newEntry(await readCallback(read, receivedAt), reason, detail)
  const signature = await sha256(bytesOf(entry.signature))
  await keepUnverified(db, { ...entry, path }, signature.slice(0, 16), version, receivedAt)
}

async function unreadableEntry(
  reason: UnverifiedReason,
  detail: string,
  { raw, receivedAt }: RefusedRequest,
): Promise<NewEntry> {
  const { bytes: body, contentType: content_type, contentEncoding: content_encoding } = raw
  const known = { signature: '', task_id: null, path: null, event: null, age_seconds: null }
  return {
    reason,
    detail,
    content: await sha256(body),
    received_at: receivedAt,
    body,
    content_type,
    content_encoding,
    ...known,
  }
}
