/**
 * What the dashboard's pages show of tasks: of each row what it needs, so that a page of large records costs no more
 * than one of small ones. Each query is answered by an index and looks at no more than 80 rows.
 */
import { onDatabase } from './database.ts'
import type { QuarantineCursor, Reason } from './quarantine.ts'
import type { Status } from './snapshots.ts'

/** A task as a page of tasks shows it. */
export type TaskSummary = {
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
export type Start = { to: 'older' | 'newer'; place: number }

/** `next` is where to go on in the same direction; `undefined` at its end. A page may be short, and not the last. */
export type GalleryPage = { rows: TaskSummary[]; next: number | undefined }

export const PAGE_ROWS = 20
export const STRIP_FRAMES = 7

/** No index knows what is completed: that is found by looking. */
export const MOST_LOOKED_AT = 80

const FIRST = Array.from({ length: STRIP_FRAMES }, (_, n) => `record -> '$.snapshot_pic_list[${n}]'`).join(', ')
const SUMMARY = `
  place, task_id, status, received_at AS at, record ->> '$.vendor' AS vendor, record ->> '$.appid' AS appid,
  record ->> '$.error.message' AS error, json_array_length(record, '$.snapshot_pic_list') AS pictures,
  json_array(${FIRST}) AS first`

/** `status <> 'completed'` lets SQLite use the partial index. */
const lookAtPlaces = (isUnfinished: boolean, order: 'ASC' | 'DESC') => `
  SELECT place, ?4 IS NULL OR status = ?4 AS matches
  FROM snapshots WHERE ${isUnfinished ? "status <> 'completed' AND status = ?4 AND" : ''} place > ?1 AND place < ?2
  ORDER BY place ${order} LIMIT ?3`

/** A page of tasks, newest first. Throws when D1 cannot answer. */
export async function pageOf(
  db: D1Database,
  { status }: { status?: Status | undefined },
  { to, place }: Start,
): Promise<GalleryPage> {
  const range = to === 'older' ? [-1, place] : [place, Number.MAX_SAFE_INTEGER]
  const most = status === 'completed' ? MOST_LOOKED_AT : PAGE_ROWS + 1
  const look = db
    .prepare(lookAtPlaces(status === 'pending' || status === 'failed', to === 'older' ? 'DESC' : 'ASC'))
    .bind(...range, most, status ?? null)
  // Places first: only what is shown has its record looked into.
  const { results: looked } = await onDatabase(db, () => look.all<{ place: number; matches: number }>())
  const matching = looked.filter(({ matches }) => matches === 1).map((row) => row.place)
  const onPage = matching.slice(0, PAGE_ROWS)
  const last = matching.length > PAGE_ROWS ? onPage.at(-1) : looked.at(-1)?.place
  const isMore = matching.length > PAGE_ROWS || looked.length === most
  return { rows: await summaries(db, onPage), next: isMore ? last : undefined }
}

const BEGINNING = `
  SELECT place FROM snapshots WHERE task_id >= ?1 AND task_id < ?1 || char(0x10ffff) ORDER BY task_id LIMIT ?2`

/** The first tasks whose ids begin so. Throws when D1 cannot answer. */
export async function tasksBeginningWith(db: D1Database, beginning: string): Promise<GalleryPage> {
  const find = db.prepare(BEGINNING).bind(beginning, PAGE_ROWS + 1)
  const places = (await onDatabase(db, () => find.all<{ place: number }>())).results.map(({ place }) => place)
  return { rows: await summaries(db, places.slice(0, PAGE_ROWS)), next: places[PAGE_ROWS] }
}

async function summaries(db: D1Database, places: readonly number[]): Promise<TaskSummary[]> {
  if (places.length === 0) return []
  const marks = places.map(() => '?').join(', ')
  const sql = `SELECT ${SUMMARY} FROM snapshots WHERE place IN (${marks}) ORDER BY place DESC`
  type Raw = Omit<TaskSummary, 'first' | 'pictures'> & { first: string; pictures: number | null }
  const { results } = await onDatabase(db, () =>
    db
      .prepare(sql)
      .bind(...places)
      .all<Raw>(),
  )
  return results.map((row) => ({ ...row, pictures: row.pictures ?? 0, first: picturesOf(row.first) }))
}

function picturesOf(first: string): TaskSummary['first'] {
  return (JSON.parse(first) as (TaskSummary['first'][number] | null)[]).filter((picture) => picture !== null)
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
  /** Entries of the quarantine that name the task; one more than `MOST_COUNTED` at most. */
  in_quarantine: number
}

export const MOST_COUNTED = 20

const FIND = `
  SELECT record, kv_due, event_due, kv_refused,
    (SELECT count(*) FROM (SELECT 1 FROM quarantine WHERE task_id = ?1 LIMIT ${MOST_COUNTED + 1})) AS in_quarantine
  FROM snapshots WHERE task_id = ?1`

/** `undefined` if the task is not known. Throws when D1 cannot answer. */
export async function findTask(db: D1Database, taskId: string): Promise<StoredTask | undefined> {
  const row = await onDatabase(db, () => db.prepare(FIND).bind(taskId).first<StoredTask>())
  return row ?? undefined
}

/** What a signature was used for first: a record that is stored, as JSON, or an entry of the quarantine. */
type FirstUse = { record: string | null; entryId: string | null }

const FIND_FIRST_USE = `
  SELECT
    (SELECT record FROM snapshots WHERE task_id = task AND content = ledger.content) AS record,
    (SELECT id FROM quarantine WHERE signature = ?1 AND id = reason || ':' || ledger.content) AS entryId
  FROM ledger WHERE signature = ?1`

/** `undefined` if the ledger does not know it. Throws when D1 cannot answer. */
export async function firstUseOf(db: D1Database, signature: string): Promise<FirstUse | undefined> {
  const row = await onDatabase(db, () => db.prepare(FIND_FIRST_USE).bind(signature).first<FirstUse>())
  return row ?? undefined
}

/**
 * Where the page of the quarantine begins that ends with a cursor's entry: the entry above as many as a page has, or
 * `undefined` where the page is the first one. Throws when D1 cannot answer.
 */
export async function cursorAbove(
  db: D1Database,
  filter: { reason?: Reason | undefined; task_id?: string | undefined },
  { received_at, rowid }: QuarantineCursor,
  pageEntries: number,
): Promise<QuarantineCursor | undefined> {
  const filters = Object.entries(filter).filter(([, value]) => value !== undefined)
  const conditions = filters.map(([name], index) => `${name} = ?${4 + index} AND `).join('')
  const find = db
    .prepare(
      `SELECT received_at, rowid FROM quarantine WHERE ${conditions} (received_at, rowid) >= (?1, ?2)
      ORDER BY received_at, rowid LIMIT 1 OFFSET ?3`,
    )
    .bind(received_at, rowid, pageEntries, ...filters.map(([, value]) => value))
  return (await onDatabase(db, () => find.first<QuarantineCursor>())) ?? undefined
}
