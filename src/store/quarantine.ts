/**
 * The quarantine: authentic callbacks that are no snapshot we can use, evidence of forged ones, and callbacks that could
 * not be verified or read yet. Bounded in every way, since whoever sends callbacks fills it.
 */
import { bytesFromColumn, bytesToColumn, type RawBody } from '../callback/bytes.ts'
import { TEST_EVENT, type VerifiedCallback } from '../callback/snapshot.ts'
import { onDatabase } from './database.ts'

/** Reasons of callbacks that were never verified: another version of the Worker looks at them again. */
export const UNVERIFIED_REASONS = ['bad_signature', 'not_configured', 'wrong_path', 'undecodable'] as const

export const REASONS = [
  'invalid_snapshot',
  'unsupported_event',
  'conflict',
  'signature_reused',
  'unknown_app',
  'invalid_timestamp',
  'stale',
  'replaced',
  ...UNVERIFIED_REASONS,
] as const

export type Reason = (typeof REASONS)[number]
export type UnverifiedReason = (typeof UNVERIFIED_REASONS)[number]

/** A row of the quarantine. The same content for the same reason is one row. */
export type QuarantineEntry = {
  /** `reason:content`; of a callback that was not verified also a hash of its signature. */
  id: string
  reason: Reason
  /** In words, for people. */
  detail: string
  task_id: string | null
  /** In milliseconds. */
  received_at: number
  content_type: string | null
  content_encoding: string | null
  /** What the callback says that it is, where it is no snapshot. */
  event: string | null
  /** How old its timestamp was when it came, where that was too old; negative from the future. */
  age_seconds: number | null
  signature: string
  /** Where it was POSTed, if that matters. It may hold a path token. */
  path: string | null
  /** As it was received. */
  body: Uint8Array
}

/** What is shown of an entry without its body. */
export type ListedEntry = Omit<QuarantineEntry, 'signature' | 'path' | 'body'>

/** An entry to keep. */
export type NewEntry = Omit<QuarantineEntry, 'id'> & {
  /** The hash of what it says, or of its bytes. */
  content: string
  /** It was answered 202, so no bound on evidence drops it. */
  acknowledged?: boolean
  /** Whom to ask ZEGOCLOUD about, and when, in milliseconds. */
  ask?: { appid: string; vendor: string; due: number } | undefined
}

export function entryId(reason: Reason, content: string): string {
  return `${reason}:${content}`
}

/** An entry of a callback that is not stored. */
export function newEntry(callback: VerifiedCallback, reason: Reason, detail: string): NewEntry {
  const { task_id = null, signature, content, receivedAt, raw, event = null } = callback
  const { bytes: body, contentType: content_type, contentEncoding: content_encoding } = raw
  const isShown = reason === 'unsupported_event' || event === TEST_EVENT
  const facts = { event: isShown ? event : null, age_seconds: null, path: null }
  return {
    reason,
    detail,
    task_id,
    signature,
    content,
    received_at: receivedAt,
    body,
    content_type,
    content_encoding,
    ...facts,
  }
}

/** How many bodies of one signature are kept for one reason: whoever has captured it sends any number. */
const MOST_BODIES_A_SIGNATURE = 16
/** Of these the first ones stay: so neither many before nor many after push the genuine one out. */
const FIRST_BODIES = 8
export const MOST_ENTRIES_A_REASON = 1_000
/** Where unverified bodies of over 32 KB fill this for a reason, it keeps no more of these. */
export const MOST_LARGE_BYTES = 30_000_000

/** With `row_number`, so that of several bodies for one task the oldest goes, else the oldest except the first eight. */
const MAKE_ROOM_FOR_SIGNATURE = `
  DELETE FROM quarantine WHERE rowid = (
    SELECT rowid FROM (
      SELECT rowid, acknowledged, row_number() OVER (ORDER BY rowid) AS nth,
        count(*) OVER (PARTITION BY task_id) AS siblings, count(*) OVER () AS kept
      FROM quarantine WHERE signature = ?1 AND reason = ?2)
    WHERE kept >= ${MOST_BODIES_A_SIGNATURE} AND acknowledged IS NULL AND (siblings > 1 OR nth > ${FIRST_BODIES})
    ORDER BY siblings DESC, nth LIMIT 1)
  AND NOT EXISTS (SELECT 1 FROM quarantine WHERE id = ?3)`

const MAKE_ROOM_FOR_REASON = `
  DELETE FROM quarantine WHERE rowid = (
    SELECT rowid FROM quarantine WHERE reason = ?1 AND acknowledged IS NULL ORDER BY received_at LIMIT 1)
  AND (SELECT count FROM quarantine_counts WHERE reason = ?1) >= ${MOST_ENTRIES_A_REASON}
  AND NOT EXISTS (SELECT 1 FROM quarantine WHERE id = ?2)`

export const INSERT = (condition: string) => `
  INSERT INTO quarantine (id, reason, detail, signature, task_id, received_at, body, content_type, content_encoding,
    path, event, age_seconds, acknowledged, ask_app, ask_vendor, ask_due, looked_by, kept_at)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18
  WHERE ${condition}
  ON CONFLICT (id) DO UPDATE SET acknowledged = 1 WHERE excluded.acknowledged = 1 AND acknowledged IS NULL`

/** An acknowledged callback has room whatever the bound is. */
const INSERT_VERIFIED =
  INSERT(`?13 = 1 OR ?2 <> 'signature_reused' AND ?2 NOT IN ('unknown_app', 'invalid_timestamp', 'stale')
    OR (SELECT count(*) FROM quarantine WHERE signature = ?4 AND reason = ?2) < ${MOST_BODIES_A_SIGNATURE}`)

/** A used signature can push bodies out only so fast, in one isolate: each costs a dozen rows. */
const MOST_EVICTIONS_A_MINUTE = 60
const mayEvict = perMinute(MOST_EVICTIONS_A_MINUTE)

/** Whether it is in the quarantine now. Idempotent. To be called within `onDatabase`. */
export async function keep(db: D1Database, entry: NewEntry, now: number): Promise<boolean> {
  const { reason, signature } = entry
  const id = entryId(reason, entry.content)
  const evicts = reason === 'signature_reused' && mayEvict(now)
  const results = await db.batch([
    ...(evicts ? [db.prepare(MAKE_ROOM_FOR_SIGNATURE).bind(signature, reason, id)] : []),
    db.prepare(MAKE_ROOM_FOR_REASON).bind(reason, id),
    db.prepare(INSERT_VERIFIED).bind(...valuesOf(id, entry, null, now)),
    db.prepare('SELECT 1 FROM quarantine WHERE id = ?1').bind(id),
  ])
  return results.at(-1)!.results.length > 0
}

/** @param now when it is kept, in milliseconds: a buffered callback was received long before */
export function valuesOf(id: string, entry: NewEntry, lookedBy: string | null, now: number) {
  const { reason, detail, signature, task_id, received_at, body, content_type, content_encoding, path, ask } = entry
  const { event, age_seconds, acknowledged = false } = entry
  const asked = [ask?.appid ?? null, ask?.vendor ?? null, ask?.due ?? null]
  const facts = [
    content_type,
    content_encoding,
    path,
    event,
    age_seconds,
    acknowledged ? 1 : null,
    ...asked,
    lookedBy,
    now,
  ]
  return [id, reason, detail, signature, task_id, received_at, bytesToColumn(body), ...facts]
}

/** A count that begins again each minute, in this isolate alone. */
export function perMinute(most: number): (now: number) => boolean {
  let minute = 0
  let count = 0
  return (now) => {
    if (Math.abs(now - minute) >= 60_000) [minute, count] = [now, 0]
    count += 1
    return count <= most
  }
}

export type QuarantineFilter = {
  reason?: Reason | undefined
  task_id?: string | undefined
  /** Inclusive, in milliseconds. */
  since?: number | undefined
  /** Exclusive, in milliseconds. */
  until?: number | undefined
  limit: number
  /** The `next` of the page before. */
  after?: QuarantineCursor | undefined
}

/** A row's place in the list: newest first, and of one millisecond the last that came. */
export type QuarantineCursor = { received_at: number; rowid: number }

const LISTED = 'id, reason, detail, task_id, received_at, content_type, content_encoding, event, age_seconds'

const LIST = (filter: string) => `
  SELECT rowid, ${LISTED} FROM quarantine
  WHERE ${filter} received_at >= ?1 AND (received_at, rowid) < (?2, ?3)
  ORDER BY received_at DESC, rowid DESC LIMIT ?4`

/** A page, and what leads to the next one. Throws when D1 cannot answer. */
export async function listEntries(
  db: D1Database,
  { reason, task_id, since, until, limit, after }: QuarantineFilter,
): Promise<{ items: ListedEntry[]; next: QuarantineCursor | undefined }> {
  const end = { received_at: Math.min(until ?? Infinity, Number.MAX_SAFE_INTEGER), rowid: 0 }
  const below = after === undefined || after.received_at >= end.received_at ? end : after
  const bounds = [Math.max(since ?? 0, 0), below.received_at, below.rowid, limit + 1]
  const filters = Object.entries({ reason, task_id }).filter(([, value]) => value !== undefined)
  const sql = LIST(filters.map(([name], index) => `${name} = ?${5 + index} AND `).join(''))
  const list = db.prepare(sql).bind(...bounds, ...filters.map(([, value]) => value))
  const { results } = await onDatabase(db, () => list.all<ListedEntry & QuarantineCursor>())
  const page = results.slice(0, limit)
  const last = page.at(-1)
  const next = results.length > limit && last ? { received_at: last.received_at, rowid: last.rowid } : undefined
  return { items: page.map(({ rowid: _rowid, ...entry }) => entry), next }
}

export const WHOLE = `${LISTED}, signature, path, body`

export type Row = Omit<QuarantineEntry, 'body'> & { body: string | number[] }

export function entryOf({ body, ...entry }: Row): QuarantineEntry {
  return { ...entry, body: bytesFromColumn(body) }
}

/** `undefined` if it is not in the quarantine. Throws when D1 cannot answer. */
export async function findEntry(db: D1Database, id: string): Promise<QuarantineEntry | undefined> {
  const find = db.prepare(`SELECT ${WHOLE} FROM quarantine WHERE id = ?1`).bind(id)
  const row = await onDatabase(db, () => find.first<Row>())
  return row ? entryOf(row) : undefined
}

export function rawOf({ body, content_type, content_encoding }: QuarantineEntry): RawBody {
  return { bytes: body, contentType: content_type, contentEncoding: content_encoding }
}

/** Also when it is not there. Throws when D1 does not take it. */
export async function removeEntry(db: D1Database, id: string): Promise<void> {
  await onDatabase(db, () => db.prepare('DELETE FROM quarantine WHERE id = ?1').bind(id).run())
}

/** How many are removed at once. */
const MOST_REMOVED = 1_000

const REMOVE_OF_REASON = `
  DELETE FROM quarantine WHERE rowid IN (
    SELECT rowid FROM quarantine WHERE reason = ?1 AND received_at < ?2 ORDER BY received_at LIMIT ${MOST_REMOVED})
  RETURNING rowid`

const COUNT_OF_REASON = `
  SELECT count(*) AS count FROM (
    SELECT 1 FROM quarantine WHERE reason = ?1 AND received_at < ?2 LIMIT ${MOST_REMOVED + 1})`

/**
 * Removes what was received before a time, the oldest first, and counts what is left of it, up to one more than is
 * removed at once. Throws when D1 does not take it.
 * @param before in milliseconds
 */
export async function removeOfReason(
  db: D1Database,
  reason: Reason,
  before: number = Number.MAX_SAFE_INTEGER,
): Promise<{ deleted: number; left: number }> {
  const [removed, left] = await onDatabase(db, () =>
    db.batch<{ count: number }>([REMOVE_OF_REASON, COUNT_OF_REASON].map((sql) => db.prepare(sql).bind(reason, before))),
  )
  return { deleted: removed!.results.length, left: left!.results[0]!.count }
}

/** Also those that are gone already. Throws when D1 does not take it. */
export async function removeEntries(db: D1Database, ids: readonly string[]): Promise<void> {
  const remove = db.prepare('DELETE FROM quarantine WHERE id IN (SELECT value FROM json_each(?1))')
  await onDatabase(db, () => remove.bind(JSON.stringify(ids)).run())
}

/** The first characters of bodies, by id; a whole body may have megabytes. Throws when D1 cannot answer. */
export async function beginningsOf(
  db: D1Database,
  ids: readonly string[],
  length: number,
): Promise<Map<string, string>> {
  const sql = `SELECT id, iif(typeof(body) = 'text', substr(body, 1, ?2), '') AS body FROM quarantine WHERE id IN (SELECT value FROM json_each(?1))`
  const find = db.prepare(sql).bind(JSON.stringify(ids), length)
  const { results } = await onDatabase(db, () => find.all<{ id: string; body: string }>())
  return new Map(results.map(({ id, body }) => [id, body]))
}
