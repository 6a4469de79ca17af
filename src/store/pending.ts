/** Tasks that were started or registered, until they have finished: by a callback, or by ZEGOCLOUD's answer. */
import type { PendingRecord, SnapshotRecord } from '../event.ts'
import { onDatabase } from './database.ts'
import type { FinishedRecord, Publication } from './outbox.ts'
import { insertPending, newWriteId, publicationOf, upsert } from './write.ts'

/** A task that ZEGOCLOUD is to be asked about now. */
export type DuePoll = { task_id: string; appid: string; record: PendingRecord }

/** What comes of ZEGOCLOUD's answer: a record, its JSON, and the hash of its content. */
export type Result = { record: FinishedRecord; text: string; content: string }

/** ZEGOCLOUD is asked when the callback is that late; then after as long again as the task has waited, up to an hour. */
export const OVERDUE_MS = 120_000
const LONGEST_GAP_MS = 3_600_000

/** The tasks that are due, of each app the first ones. ?1 is a JSON list of appids. */
const FIRST_OF_EACH_APP = `
  json_each(?1) AS app, json_each((
    SELECT json_group_array(place) FROM (
      SELECT place FROM snapshots WHERE status = 'pending' AND ask_app = app.value AND ask_due <= ?2
      ORDER BY ask_due LIMIT ?3))) AS first`

/** Moves the due time, so that no two polls share a task. Every app's first task goes before any app's second. */
const TAKE_DUE = `
  UPDATE snapshots SET ask_due = ?2 + min(max(?2 - received_at, ${OVERDUE_MS}), ${LONGEST_GAP_MS})
  WHERE place IN (
    SELECT first.value FROM ${FIRST_OF_EACH_APP}
    ORDER BY first.key, (SELECT ask_due FROM snapshots WHERE place = first.value) LIMIT ?3)
  RETURNING task_id, ask_app AS appid, record`

const GIVE_BACK = `
  UPDATE snapshots SET ask_due = ?2 WHERE status = 'pending' AND task_id IN (SELECT value FROM json_each(?1))`

/** Registers a task; what is stored for it then, and whether that is new. */
export async function register(
  db: D1Database,
  record: PendingRecord,
): Promise<{ record: SnapshotRecord; isNew: boolean }> {
  const { task_id, registered_at } = record
  const id = newWriteId()
  const statements = [
    insertPending(db, record, id, Date.parse(registered_at) + OVERDUE_MS),
    db.prepare('SELECT record, delivery FROM snapshots WHERE task_id = ?1').bind(task_id),
  ]
  const results = await onDatabase(db, () => db.batch<{ record: string; delivery: string | null }>(statements))
  const stored = results[1]!.results[0]!
  return { record: JSON.parse(stored.record) as SnapshotRecord, isNew: stored.delivery === id }
}

/** Takes up to `limit` tasks that are overdue: of each app the oldest, then of each app the next. */
export async function takeDuePolls(
  db: D1Database,
  appids: readonly string[],
  now: number,
  limit: number,
): Promise<DuePoll[]> {
  const take = db.prepare(TAKE_DUE).bind(JSON.stringify(appids), now, limit)
  const { results } = await onDatabase(db, () => take.all<Omit<DuePoll, 'record'> & { record: string }>())
  return results.map((row) => ({ ...row, record: JSON.parse(row.record) as PendingRecord }))
}

/** What was taken and could not be asked about is due again at `due`, in milliseconds. */
export async function giveBack(db: D1Database, taskIds: readonly string[], due: number): Promise<void> {
  if (taskIds.length === 0) return
  const give = db.prepare(GIVE_BACK).bind(JSON.stringify(taskIds), due)
  await onDatabase(db, () => give.run())
}

/**
 * Whether an answer about a task that nobody registered may be stored: only where a verified body of the task was the first
 * under its signature. Whoever has a used signature can name any task.
 */
export async function mayStoreUnregistered(db: D1Database, taskId: string): Promise<boolean> {
  const find = `
    SELECT 1 FROM quarantine JOIN ledger USING (signature)
    WHERE task_id = ?1 AND quarantine.id = quarantine.reason || ':' || ledger.content LIMIT 1`
  return (await onDatabase(db, () => db.prepare(find).bind(taskId).first())) !== null
}

/**
 * Stores what came of ZEGOCLOUD's answer; what is to be published then, or `undefined` where a callback came before it.
 * @param evenUnregistered a task that is not known is stored too, rather than taken for deleted
 */
export async function storeResult(
  db: D1Database,
  result: Result,
  now: number,
  evenUnregistered = false,
): Promise<Publication | undefined> {
  const write = { ...result, writeId: newWriteId(), receivedAt: now, now }
  const { task_id } = result.record
  const statements = [
    upsert(db, 'answer', write, evenUnregistered ? 1 : 0),
    db.prepare('SELECT 1 FROM snapshots WHERE task_id = ?1 AND delivery = ?2').bind(task_id, write.writeId),
  ]
  const results = await onDatabase(db, () => db.batch(statements))
  return results[1]!.results.length === 0 ? undefined : publicationOf(write)
}
