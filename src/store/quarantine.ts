/** What was kept aside: authentic callbacks that are no snapshot we can use, and evidence of forged ones. */
import { bytesOf } from '../callback/bytes.ts'
import type { RawBody } from '../callback/read.ts'
import { onDatabase } from './database.ts'

export const REASONS = [
  'invalid_snapshot',
  'unsupported_event',
  'conflict',
  'signature_reused',
  'unknown_app',
  'invalid_timestamp',
  'stale',
  'replaced',
  'bad_signature',
  'not_configured',
  'wrong_path',
  'undecodable',
] as const

export type Reason = (typeof REASONS)[number]

/** One body to keep. The same content for the same reason is one row. */
export type NewEntry = {
  reason: Reason
  /** In words, for people. */
  detail: string
  signature: string
  /** The hash of what it says. */
  content: string
  task_id: string | undefined
  /** In milliseconds. */
  receivedAt: number
  raw: RawBody
}

/** So that whoever has captured a signature cannot fill the store. */
const MOST_BODIES_A_SIGNATURE = 16

const KEEP = `
  INSERT INTO quarantine (id, reason, detail, signature, task_id, received_at, body)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
  WHERE (SELECT count(*) FROM quarantine WHERE signature = ?4 AND reason = ?2) < ${MOST_BODIES_A_SIGNATURE}
  ON CONFLICT (id) DO NOTHING`

export function entryId({ reason, content }: Pick<NewEntry, 'reason' | 'content'>): string {
  return `${reason}:${content}`
}

/** A row of D1 holds 2 MB. A body has less, but bytes that are no UTF-8 have become three each. */
const BODY_LIMIT_BYTES = 1_900_000

function fitting({ bytes }: RawBody): string {
  const text = new TextDecoder().decode(bytes)
  const encoded = bytesOf(text) // bytes that are no UTF-8 have become three each
  return encoded.length <= BODY_LIMIT_BYTES ? text : new TextDecoder().decode(encoded.subarray(0, BODY_LIMIT_BYTES))
}

/** Idempotent. To be called within `onDatabase`. */
export async function keep(db: D1Database, entry: NewEntry): Promise<void> {
  const { reason, detail, signature, task_id, receivedAt, raw } = entry
  await db
    .prepare(KEEP)
    .bind(entryId(entry), reason, detail, signature, task_id ?? null, receivedAt, fitting(raw))
    .run()
}

/** What is shown of a row without its body. Times in milliseconds. */
export type ListedEntry = { id: string; reason: Reason; detail: string; task_id: string | null; received_at: number }

/** With what its retry needs. */
export type QuarantineEntry = ListedEntry & {
  signature: string
  /** As it was received. */
  body: string
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

const LIST = (filter: string) => `
  SELECT rowid, id, reason, detail, task_id, received_at FROM quarantine
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
  return { items: page.map(({ rowid: _rowid, ...kept }) => kept), next }
}

const FIND = 'SELECT id, reason, detail, signature, task_id, received_at, body FROM quarantine WHERE id = ?1'

/** `undefined` if there is none. Throws when D1 cannot answer. */
export function rawOf({ body }: Pick<QuarantineEntry, 'body'>): RawBody {
  return { bytes: bytesOf(body), contentType: null, contentEncoding: null }
}

export async function findEntry(db: D1Database, id: string): Promise<QuarantineEntry | undefined> {
  const row = await onDatabase(db, () => db.prepare(FIND).bind(id).first<QuarantineEntry>())
  return row ?? undefined
}

/** Also when there is none. Throws when D1 does not take it. */
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
  const sql = 'SELECT id, substr(body, 1, ?2) AS body FROM quarantine WHERE id IN (SELECT value FROM json_each(?1))'
  const find = db.prepare(sql).bind(JSON.stringify(ids), length)
  const { results } = await onDatabase(db, () => find.all<{ id: string; body: string }>())
  return new Map(results.map(({ id, body }) => [id, body]))
}
