/** The quarantine: callbacks that are not stored as results, found, listed, removed and looked at again. */
import { type RawBody, bytesOf } from '../callback/bytes.ts'
import { onDatabase } from './database.ts'

/** Reasons of callbacks that were never verified: a newer version of the Worker looks at them again. */
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
const UNVERIFIED: ReadonlySet<string> = new Set(UNVERIFIED_REASONS)

export function isUnverified(reason: string): reason is (typeof UNVERIFIED_REASONS)[number] {
  return UNVERIFIED.has(reason)
}

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

export const MOST_ENTRIES_A_REASON = 1_000
/** Bodies of over 32 KB fill a reason with this, so that few requests cannot fill the database: with the last one 32 MB. */
export const MOST_LARGE_BYTES = 30_100_000

/** What is shown of an entry without its body. */
export type ListedEntry = Omit<QuarantineEntry, 'signature' | 'path' | 'body'>

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

/** A page, and what leads to the next one. Throws when D1 cannot answer. */
export async function listEntries(
  db: D1Database,
  { reason, task_id, since, until, limit, after }: QuarantineFilter,
): Promise<{ items: ListedEntry[]; next: QuarantineCursor | undefined }> {
  const end = { received_at: Math.min(until ?? Infinity, Number.MAX_SAFE_INTEGER), rowid: 0 }
  const below = after === undefined || after.received_at >= end.received_at ? end : after
  const bounds = [Math.max(since ?? 0, 0), below.received_at, below.rowid, limit + 1]
  const filters = Object.entries({ reason, task_id }).filter(([, value]) => value !== undefined)
  const list = db.prepare(`
    SELECT rowid, ${LISTED} FROM quarantine
    WHERE ${filters.map(([name], index) => `${name} = ?${5 + index} AND `).join('')}
      received_at >= ?1 AND (received_at, rowid) < (?2, ?3)
    ORDER BY received_at DESC, rowid DESC LIMIT ?4`)
  const bound = list.bind(...bounds, ...filters.map(([, value]) => value))
  const { results } = await onDatabase(db, () => bound.all<ListedEntry & QuarantineCursor>())
  const page = results.slice(0, limit)
  const last = page.at(-1)
  const next = results.length > limit && last ? { received_at: last.received_at, rowid: last.rowid } : undefined
  return { items: page.map(({ rowid: _rowid, ...entry }) => entry), next }
}

/** The largest body, in parts whose digits D1 takes as one value each. */
const PARTS = 4
const PART_BYTES = 500_000

/** Bytes that are no text come as hex digits: D1 would make a list of them, with a number for each byte. */
const WHOLE = `${LISTED}, signature, path, iif(typeof(body) = 'text', body, NULL) AS text, ${Array.from(
  { length: PARTS },
  (_, n) => `iif(typeof(body) = 'text', '', hex(substr(body, ${n * PART_BYTES + 1}, ${PART_BYTES}))) AS part${n}`,
).join(', ')}`

type WholeRow = Omit<QuarantineEntry, 'body'> & { text: string | null } & Record<`part${number}`, string>

function entryOf({ text, part0, part1, part2, part3, ...entry }: WholeRow): QuarantineEntry {
  const digits = `${part0}${part1}${part2}${part3}`
  return { ...entry, body: text === null ? Uint8Array.fromHex(digits) : bytesOf(text) }
}

/** `undefined` if it is not in the quarantine. Throws when D1 cannot answer. */
export async function findEntry(db: D1Database, id: string): Promise<QuarantineEntry | undefined> {
  const find = db.prepare(`SELECT ${WHOLE} FROM quarantine WHERE id = ?1`).bind(id)
  const row = await onDatabase(db, () => find.first<WholeRow>())
  return row ? entryOf(row) : undefined
}

/** Each holds a body of up to 1.9 MB. */
const BODIES_AT_ONCE = 5

/** The contents of a task that were not stored, some behind `after` at a time, by their ids. */
export async function findDisputed(db: D1Database, taskId: string, after: string): Promise<QuarantineEntry[]> {
  const find = db.prepare(`
    SELECT ${WHOLE} FROM quarantine
    WHERE task_id = ?1 AND reason IN ('conflict', 'signature_reused') AND id > ?2 ORDER BY id LIMIT ${BODIES_AT_ONCE}`)
  const { results } = await onDatabase(db, () => find.bind(taskId, after).all<WholeRow>())
  return results.map((row) => entryOf(row))
}

export function rawOf({ body, content_type, content_encoding }: QuarantineEntry): RawBody {
  return { bytes: body, contentType: content_type, contentEncoding: content_encoding }
}

/** Also those that are gone already. Throws when D1 does not take it. */
export async function removeEntries(db: D1Database, ids: readonly string[]): Promise<void> {
  const remove = db.prepare('DELETE FROM quarantine WHERE id IN (SELECT value FROM json_each(?1))')
  await onDatabase(db, () => remove.bind(JSON.stringify(ids)).run())
}

/** How many are removed at once, and how many bytes: more would take longer than D1's deadline. */
const MOST_REMOVED = 1_000
const MOST_BYTES_REMOVED = 50_000_000

const REMOVE_OF_REASON = `
  DELETE FROM quarantine WHERE rowid IN (
    SELECT rowid FROM (
      SELECT rowid, sum(octet_length(body)) OVER (ORDER BY received_at, rowid) AS bytes FROM quarantine
      WHERE reason = ?1 AND received_at < ?2 ORDER BY received_at, rowid LIMIT ${MOST_REMOVED})
    WHERE bytes <= ${MOST_BYTES_REMOVED})
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

/** Another look at an entry that could not be verified or read. */
export type Look = Pick<QuarantineEntry, 'id' | 'reason' | 'task_id'> & {
  /** How many looks this one makes since it was refused last: those before it did not end. */
  looks: number
  bytes: number
}

/** Longer than an invocation works. */
const LOOK_LEASE_MS = 120_000

/**
 * Tells whether a version of the Worker has entries to look at: those that an older version refused, and that no invocation
 * works on. To be asked with others in one query.
 */
export function lookIsDue(version: string, now: string): string {
  return `EXISTS (SELECT 1 FROM ${toLookAt(version, now)})`
}

/** Named, since SQLite else reads every entry of these reasons, whoever refused it. */
const BY_LOOK = 'INDEXED BY quarantine_second_look'

function toLookAt(version: string, now: string): string {
  const reasons = UNVERIFIED_REASONS.map((reason) => `'${reason}'`).join(', ')
  return `quarantine ${BY_LOOK} WHERE reason IN (${reasons}) AND refused_by < ${version} AND (look_due IS NULL OR look_due <= ${now})`
}

/** What was claimed before comes last: a body that ends its invocation holds up none of the others. */
const CLAIM_LOOK = `
  UPDATE quarantine SET look_due = ?2 + ${LOOK_LEASE_MS}, looks = looks + 1
  WHERE rowid = (SELECT rowid FROM ${toLookAt('?1', '?2')} ORDER BY refused_by, look_due LIMIT 1)
  RETURNING id, reason, task_id, looks, octet_length(body) AS bytes`

/** One entry, for this invocation alone until its lease ends; without its body. Throws when D1 does not take it. */
export async function claimLook(db: D1Database, version: number, now: number): Promise<Look | undefined> {
  const claim = db.prepare(CLAIM_LOOK).bind(version, now)
  return (await onDatabase(db, () => claim.first<Look>())) ?? undefined
}

/** This version of the Worker has refused it, too: only a newer one looks again. */
export async function noteRefusedAgain(db: D1Database, id: string, version: number): Promise<void> {
  const note = 'UPDATE quarantine SET refused_by = ?2, look_due = NULL, looks = 0, looked_by = NULL WHERE id = ?1'
  await onDatabase(db, () => db.prepare(note).bind(id, version).run())
}
