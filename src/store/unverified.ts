/**
 * Callbacks that could not be verified or read: kept, so that no mistake of ours or of an operator's costs one, and looked
 * at again by the next version of the Worker.
 */
import { onDatabase } from './database.ts'
import {
  entryId,
  entryOf,
  INSERT,
  MOST_ENTRIES_A_REASON,
  MOST_LARGE_BYTES,
  type NewEntry,
  perMinute,
  type QuarantineEntry,
  type Reason,
  type Row,
  UNVERIFIED_REASONS,
  type UnverifiedReason,
  valuesOf,
  WHOLE,
} from './quarantine.ts'

/** How many copies of one content are kept under different signatures, where none was verified. */
const MOST_COPIES = 3
/** How many callbacks that were not verified one isolate keeps: a flood costs next to nothing. */
const MOST_UNVERIFIED_A_MINUTE = 60
const mayKeepUnverified = perMinute(MOST_UNVERIFIED_A_MINUTE)
/** A reason that is full is not tried again for so long. */
const FULL_FOR_MS = 600_000
const fullUntil = new Map<string, number>()

/** Larger bodies share a number of bytes, so that few requests cannot fill the database. As in the migration. */
const LARGE_BYTES = 32_768

/** ?20: whether it is large. */
const INSERT_UNVERIFIED = INSERT(`
    NOT EXISTS (SELECT 1 FROM quarantine_counts WHERE reason = ?2
      AND (count >= ${MOST_ENTRIES_A_REASON} OR ?20 AND large_bytes >= ${MOST_LARGE_BYTES}))
    AND (SELECT count(*) FROM quarantine WHERE id > ?19 AND id < ?19 || '~') < ${MOST_COPIES}`)

const NOTE_FULL = `
  INSERT INTO state (name, value, changed_at) SELECT 'full:' || reason, '', ?2 FROM quarantine_counts
  WHERE reason = ?1 AND (count >= ${MOST_ENTRIES_A_REASON} OR ?3 AND large_bytes >= ${MOST_LARGE_BYTES})
  ON CONFLICT (name) DO UPDATE SET value = '' RETURNING name`

/** Whether this isolate may keep another one now, before anything is read of it. */
export function hasRoomForUnverified(reason: UnverifiedReason, bytes: number, now: number): boolean {
  return now >= (fullUntil.get(roomFor(reason, bytes)) ?? 0) && mayKeepUnverified(now)
}

function roomFor(reason: Reason, bytes: number): string {
  return bytes > LARGE_BYTES ? `${reason}, large` : reason
}

/**
 * Keeps what could not be verified or read: an entry for each content and signature. Nothing is pushed out by it.
 * @param signature a hash of the signature that came with it, since the signature itself may be good one day
 * @param version of the Worker that has looked at it
 */
export async function keepUnverified(
  db: D1Database,
  entry: NewEntry,
  signatureHash: string,
  version: string,
  now: number,
) {
  const { reason } = entry
  const prefix = `${entryId(reason, entry.content)}:`
  const isLarge = entry.body.length > LARGE_BYTES ? 1 : 0
  const values = valuesOf(prefix + signatureHash, entry, version, now)
  const results = await onDatabase(db, () =>
    db.batch([
      db.prepare(INSERT_UNVERIFIED).bind(...values, prefix, isLarge),
      db.prepare(NOTE_FULL).bind(reason, now, isLarge),
    ]),
  )
  if (results[1]!.results.length > 0) fullUntil.set(roomFor(reason, entry.body.length), now + FULL_FOR_MS)
}

const UNVERIFIED_ONLY = `reason IN (${UNVERIFIED_REASONS.map((reason) => `'${reason}'`).join(', ')})`

/** `<>` would not be answered by the index. */
const FIND_UNSEEN = `
  SELECT ${WHOLE} FROM quarantine WHERE ${UNVERIFIED_ONLY} AND looked_by < ?1
  UNION ALL SELECT ${WHOLE} FROM quarantine WHERE ${UNVERIFIED_ONLY} AND looked_by > ?1 LIMIT ?2`

/** Callbacks that were not verified, and that this version of the Worker has not looked at yet. */
export async function findUnseen(db: D1Database, version: string, limit: number): Promise<QuarantineEntry[]> {
  const find = db.prepare(FIND_UNSEEN).bind(version, limit)
  return (await onDatabase(db, () => find.all<Row>())).results.map((row) => entryOf(row))
}

export async function noteSeen(db: D1Database, ids: readonly string[], version: string): Promise<void> {
  if (ids.length === 0) return
  const note = `UPDATE quarantine SET looked_by = ?2 WHERE id IN (SELECT value FROM json_each(?1))`
  await onDatabase(db, () => db.prepare(note).bind(JSON.stringify(ids), version).run())
}
