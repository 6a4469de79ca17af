/**
 * The gallery's rows: of each task what a row shows, so that a page of large records costs no more than one of small
 * ones. Both ways through the list; each query is answered by an index and looks at no more than 80 rows.
 */
import { onDatabase } from './database.ts'
import type { Status } from './snapshots.ts'

export type Row = {
  place: number
  task_id: string
  status: Status
  vendor: string
  appid: string
  /** In milliseconds; of a pending task, when it was registered. */
  at: number
  /** Why it failed. */
  error: string | null
  pictures: number
  /** The first of its pictures, as many as a strip may show. */
  first: readonly { url: string; offset?: number }[]
}

/** `older`: tasks below a place; `newer`: those above it, the nearest ones. */
export type Turn = { to: 'older' | 'newer'; from: number }

export const PAGE_ROWS = 20
export const STRIP_FRAMES = 7

/** Nearly every row is completed: these are found by looking. */
const MOST_LOOKED_AT = 80

const FIRST = Array.from({ length: STRIP_FRAMES }, (_, n) => `record -> '$.snapshot_pic_list[${n}]'`).join(', ')
const SUMMARY = `
  place, task_id, status, received_at AS at, record ->> '$.vendor' AS vendor, record ->> '$.appid' AS appid,
  record ->> '$.error.message' AS error, json_array_length(record, '$.snapshot_pic_list') AS pictures,
  json_array(${FIRST}) AS first`

/** `status <> 'completed'` lets SQLite use the partial index. */
const UNFINISHED = `status <> 'completed' AND status = ?2 AND`
const OLDER = 'place < ?1 ORDER BY place DESC'
const NEWER = 'place > ?1 ORDER BY place'

/** A page of tasks, newest first, and whether there are more in the direction that was taken. */
export async function pageOf(
  db: D1Database,
  status: Status | undefined,
  { to, from }: Turn,
): Promise<{ rows: Row[]; hasMore: boolean }> {
  const isSought = status === 'completed'
  const way = to === 'older' ? OLDER : NEWER
  const range = status === undefined || isSought ? way : `${UNFINISHED} ${way}`
  // Places first: only what is shown has its record looked into.
  const places = `SELECT place, status FROM snapshots WHERE ${range} LIMIT ${isSought ? MOST_LOOKED_AT : PAGE_ROWS + 1}`
  const given = status === undefined || isSought ? [from] : [from, status]
  type Result = { place: number; status: Status }
  const looked = await onDatabase(db, () =>
    db
      .prepare(places)
      .bind(...given)
      .all<Result>(),
  )
  const fitting = looked.results.filter((found) => status === undefined || found.status === status)
  const shown = fitting.slice(0, PAGE_ROWS).map(({ place }) => place)
  const hasMore = fitting.length > PAGE_ROWS || (isSought && looked.results.length === MOST_LOOKED_AT)
  return { rows: await summaries(db, shown), hasMore }
}

async function summaries(db: D1Database, places: readonly number[]): Promise<Row[]> {
  if (places.length === 0) return []
  const marks = places.map((_, n) => `?${n + 1}`).join(', ')
  const sql = `SELECT ${SUMMARY} FROM snapshots WHERE place IN (${marks}) ORDER BY place DESC`
  type Raw = Omit<Row, 'first' | 'pictures'> & { first: string; pictures: number | null }
  const { results } = await onDatabase(db, () =>
    db
      .prepare(sql)
      .bind(...places)
      .all<Raw>(),
  )
  return results.map((row) => ({ ...row, pictures: row.pictures ?? 0, first: picturesOf(row.first) }))
}

function picturesOf(first: string): Row['first'] {
  return (JSON.parse(first) as (Row['first'][number] | null)[]).filter((picture) => picture !== null)
}

export const MOST_NEW = 99

/** How many tasks stand above a place: one more than `MOST_NEW` at most. */
export async function countNewer(db: D1Database, place: number): Promise<number> {
  const sql = `SELECT count(*) AS count FROM (SELECT 1 FROM snapshots WHERE place > ?1 LIMIT ${MOST_NEW + 1})`
  const row = await onDatabase(db, () => db.prepare(sql).bind(place).first<{ count: number }>())
  return row?.count ?? 0
}

/** A task as its page shows it: its record, and what the outbox knows of it. Times in milliseconds. */
export type StoredTask = {
  /** JSON, as readers get it. */
  record: string
  /** When each is tried again; `null` where it has the record. */
  kv_due: number | null
  event_due: number | null
  /** Why KV will never take it. */
  kv_refused: string | null
  /** When ZEGOCLOUD is asked about it. */
  ask_due: number | null
}

const FIND = 'SELECT record, kv_due, event_due, kv_refused, ask_due FROM snapshots WHERE task_id = ?1'

/** `undefined` if the task is not known. Throws when D1 cannot answer. */
export async function findTask(db: D1Database, taskId: string): Promise<StoredTask | undefined> {
  const row = await onDatabase(db, () => db.prepare(FIND).bind(taskId).first<StoredTask>())
  return row ?? undefined
}
