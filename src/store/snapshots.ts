/** The stored records: found, and listed in the order in which they were stored. Each query is answered by an index. */
import { onDatabase } from './database.ts'

export type Status = 'pending' | 'completed' | 'failed'

/** A record as its JSON text, as readers get it. */
export type Stored = { status: Status; record: string }

export type Filter = {
  status?: Status | undefined
  /** When it was stored: inclusive, in milliseconds. */
  since?: number | undefined
  /** Exclusive, in milliseconds. */
  until?: number | undefined
  limit: number
}

/** JSON texts, and the place behind which the next page begins. */
export type Page<Next> = { records: string[]; next: Next }

/**
 * Hardly any row is not completed, so these are found by looking: at no more than this a page. A page may then be
 * short, even empty, and still lead to a next one.
 */
const LOOKED_AT = 199

/** Larger records are fetched one by one, until the page is full: a hundred of 1.9 MB do not fit a Worker's memory. */
const INLINE_LENGTH = 20_000
const PAGE_LENGTH = 4_000_000

const ROW = `place, status, CASE WHEN length(record) <= ${INLINE_LENGTH} THEN record END AS record`
/** `status <> 'completed'` lets SQLite use the partial index. */
const selectRange = (status: Status | undefined, order: 'ASC' | 'DESC') => `
  SELECT ${ROW} FROM snapshots
  WHERE ${status === 'pending' || status === 'failed' ? `status <> 'completed' AND status = '${status}' AND` : ''}
    place >= ?1 AND place < ?2 ORDER BY place ${order} LIMIT ?3`

type Row = { place: number; status: Status; record: string | null }

/** `undefined` if the task is not known. Throws when D1 cannot answer. */
export async function findRecord(db: D1Database, taskId: string): Promise<Stored | undefined> {
  const row = await onDatabase(db, () =>
    db.prepare('SELECT status, record FROM snapshots WHERE task_id = ?1').bind(taskId).first<Stored>(),
  )
  return row ?? undefined
}

/**
 * A page, the newest first. Reads at most 200 rows, however many there are. Throws when D1 cannot answer.
 * @param after the `next` of the page before; it is `undefined` on the last one
 */
export async function listRecords(db: D1Database, filter: Filter, after = Infinity): Promise<Page<number | undefined>> {
  const { status, since = 0, until = Infinity } = filter
  const looked = lookedAt(filter)
  const range = [placeAt(since), Math.min(placeAt(until), after), looked]
  const list = db.prepare(selectRange(status, 'DESC')).bind(...range)
  const { results: rows } = await onDatabase(db, () => list.all<Row>())
  const { records, isFull, last } = await fill(db, rows, filter)
  return { records, next: isFull || rows.length === looked ? last?.place : undefined }
}

/**
 * A page of the feed, the oldest first. What is stored later stands above it, so none is skipped. Throws when D1 cannot
 * answer.
 * @param after the `next` of the page before, which is always there
 */
export async function readFeed(db: D1Database, filter: Filter, after?: number): Promise<Page<number>> {
  const { status, since = 0, until = Infinity } = filter
  const from = Math.max(after ?? 0, placeAt(since) - 1)
  const list = db.prepare(selectRange(status, 'ASC')).bind(from + 1, placeAt(until), lookedAt(filter))
  const { results: rows } = await onDatabase(db, () => list.all<Row>())
  const { records, last } = await fill(db, rows, filter)
  return { records, next: last?.place ?? from }
}

/**
 * Where a reader goes on who has a cursor of the version before: a place, and a number among the rows that were stored
 * below it later. From the first of those that it has not seen, so that it skips none.
 */
export async function placeOfLateCursor(db: D1Database, place: number, late: number): Promise<number> {
  const find = db.prepare('SELECT min(+place) AS place FROM snapshots WHERE late IS NOT NULL AND late > ?1').bind(late)
  const unread = await onDatabase(db, () => find.first<{ place: number | null }>())
  return Math.min(place, (unread?.place ?? Infinity) - 1)
}

function lookedAt({ status, limit }: Filter): number {
  return status === 'completed' ? LOOKED_AT : limit + 1
}

/** The records of rows until the page is full, and the last row that it took or passed over. */
async function fill(db: D1Database, rows: readonly Row[], { status, limit }: Filter) {
  const records: string[] = []
  let length = 0
  let last: Row | undefined
  for (const row of rows) {
    if (status === undefined || row.status === status) {
      if (records.length === limit || length > PAGE_LENGTH) return { records, last, isFull: true }
      const record = row.record ?? (await recordAt(db, row.place))
      if (record !== undefined) records.push(record)
      length += record?.length ?? 0
    }
    last = row
  }
  return { records, last, isFull: false }
}

/** The first place of a millisecond, as a number that is exact. */
function placeAt(ms: number): number {
  return Math.min(Math.max(ms * 1000, 0), Number.MAX_SAFE_INTEGER)
}

async function recordAt(db: D1Database, place: number): Promise<string | undefined> {
  const row = await onDatabase(db, () =>
    db.prepare('SELECT record FROM snapshots WHERE place = ?1').bind(place).first<{ record: string }>(),
  )
  return row?.record
}
