/** The stored records: found and listed. Each query is answered by an index. */
import { onDatabase } from './database.ts'

export type Status = 'pending' | 'completed' | 'failed'

/** A record as its JSON text, as readers get it. */
export type Stored = { status: Status; record: string }

export type Filter = {
  status?: Status | undefined
  /** Inclusive, in milliseconds. */
  since?: number | undefined
  /** Exclusive, in milliseconds. */
  until?: number | undefined
  limit: number
  /** The `next` of the page before. */
  after?: number | undefined
}

/** JSON texts, newest first; `next` leads to the next page, `undefined` on the last one. */
export type Page = { records: string[]; next: number | undefined }

/**
 * Hardly any row is not completed, so these are found by looking: at no more than this a page. A page may then be
 * short, even empty, and still lead to a next one.
 */
const LOOKED_AT = 199

/** Larger records are fetched one by one, until the page is full: a hundred of 1.9 MB do not fit a Worker's memory. */
const INLINE_LENGTH = 20_000
const PAGE_LENGTH = 4_000_000

const RANGE = `place >= ?1 AND place < ?2 ORDER BY place DESC LIMIT ?3`
const ROW = `place, status, CASE WHEN length(record) <= ${INLINE_LENGTH} THEN record END AS record`
const LIST = `SELECT ${ROW} FROM snapshots WHERE ${RANGE}`
/** `status <> 'completed'` lets SQLite use the partial index. */
const LIST_UNFINISHED = `SELECT ${ROW} FROM snapshots WHERE status <> 'completed' AND status = ?4 AND ${RANGE}`

/** `undefined` if the task is not known. Throws when D1 cannot answer. */
export async function findRecord(db: D1Database, taskId: string): Promise<Stored | undefined> {
  const row = await onDatabase(db, () =>
    db.prepare('SELECT status, record FROM snapshots WHERE task_id = ?1').bind(taskId).first<Stored>(),
  )
  return row ?? undefined
}

/** Reads at most 200 rows, however many there are. Throws when D1 cannot answer. */
export async function listRecords(db: D1Database, { status, since, until, limit, after }: Filter): Promise<Page> {
  const least = placeAt(since ?? 0)
  const below = Math.min(placeAt(until ?? Infinity), after ?? Infinity)
  const looked = status === 'completed' ? LOOKED_AT : limit + 1
  const [sql, ...more] = status === 'pending' || status === 'failed' ? [LIST_UNFINISHED, status] : [LIST]
  type Row = { place: number; status: Status; record: string | null }
  const { results: rows } = await onDatabase(db, () =>
    db
      .prepare(sql)
      .bind(least, below, looked, ...more)
      .all<Row>(),
  )
  const records: string[] = []
  let length = 0
  let last: number | undefined
  for (const row of rows) {
    if (status === undefined || row.status === status) {
      if (records.length === limit || length > PAGE_LENGTH) return { records, next: last }
      const record = row.record ?? (await recordAt(db, row.place))
      if (record !== undefined) records.push(record)
      length += record?.length ?? 0
    }
    last = row.place
  }
  return { records, next: rows.length === looked ? last : undefined }
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
