/** The stored records: found, listed, and followed as a feed. Each query is answered by an index. */
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
}

/** JSON texts, and what leads to the next page. */
export type Page<Next> = { records: string[]; next: Next }

/** How far a feed was read: to a place, and to a number among the rows that were stored below it later. */
export type FeedPosition = { place: number; late: number }

/**
 * Hardly any row is not completed, so these are found by looking: at no more than this a page. A page may then be
 * short, even empty, and still lead to a next one.
 */
const LOOKED_AT = 199

/** Larger records are fetched one by one, until the page is full: a hundred of 1.9 MB do not fit a Worker's memory. */
const INLINE_LENGTH = 20_000
const PAGE_LENGTH = 4_000_000

const ROW = `place, status, late, CASE WHEN length(record) <= ${INLINE_LENGTH} THEN record END AS record`
/** `status <> 'completed'` lets SQLite use the partial index. */
const RANGE = (status: Status | undefined, order: 'ASC' | 'DESC') => `
  SELECT ${ROW} FROM snapshots
  WHERE ${status === 'pending' || status === 'failed' ? `status <> 'completed' AND status = '${status}' AND` : ''}
    place >= ?1 AND place < ?2 ORDER BY place ${order} LIMIT ?3`

type Row = { place: number; status: Status; late: number; record: string | null }

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
  const list = db.prepare(RANGE(status, 'DESC')).bind(...range)
  const { results: rows } = await onDatabase(db, () => list.all<Row>())
  const { records, isFull, last } = await fill(db, rows, filter)
  return { records, next: isFull || rows.length === looked ? last?.place : undefined }
}

/** With `+`, SQLite goes by the index of late rows, which are few, not through all places. */
const LATE = `SELECT ${ROW} FROM snapshots WHERE late > ?1 AND +place >= ?2 AND +place <= ?3 ORDER BY late LIMIT ?4`
const LAST_LATE = 'SELECT coalesce(max(late), 0) AS late FROM snapshots WHERE late IS NOT NULL'

/**
 * A page of the feed, the oldest first: what was stored late, below the place that was read, and then what stands above
 * it. In one transaction, so that every row is seen by the one or by the other. Throws when D1 cannot answer.
 * @param after the `next` of the page before, which is always there
 */
export async function readFeed(db: D1Database, filter: Filter, after?: FeedPosition): Promise<Page<FeedPosition>> {
  const { status, since = 0, until = Infinity } = filter
  const least = placeAt(since)
  const from = after ?? { place: least - 1, late: Number.MAX_SAFE_INTEGER }
  const looked = lookedAt(filter)
  const [late, above, [top]] = await onDatabase(db, async () => {
    const results = await db.batch<Row>([
      db.prepare(LATE).bind(from.late, least, Math.min(from.place, placeAt(until) - 1), looked),
      db.prepare(RANGE(status, 'ASC')).bind(from.place + 1, placeAt(until), looked),
      db.prepare(LAST_LATE),
    ])
    return results.map(({ results: rows }) => rows) as [Row[], Row[], [{ late: number }]]
  })
  const rows = [
    ...late.map((row) => ({ ...row, next: { ...from, late: row.late } })),
    ...(late.length === looked ? [] : above).map((row) => ({ ...row, next: { place: row.place, late: top.late } })),
  ]
  const { records, last } = await fill(db, rows, filter)
  return { records, next: last?.next ?? after ?? { ...from, late: top.late } }
}

function lookedAt({ status, limit }: Filter): number {
  return status === 'completed' ? LOOKED_AT : limit + 1
}

/** The records of rows until the page is full, and the last row that it took or passed over. */
async function fill<Given extends Row>(db: D1Database, rows: readonly Given[], { status, limit }: Filter) {
  const records: string[] = []
  let length = 0
  let last: Given | undefined
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
