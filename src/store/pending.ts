/**
 * Tasks that ZEGOCLOUD is asked about: those that were started or registered, until they have finished, and disputed ones,
 * whose contents are in the quarantine, until its answer decides.
 */
import type { PendingRecord, SnapshotRecord } from '../event.ts'
import { onDatabase } from './database.ts'
import type { FinishedRecord, Publication } from './outbox.ts'
import { insertPending, newWriteId, publicationOf, upsert } from './settle.ts'

/** What tells whether a row waits for an answer, and what the vendor is, by the table that the row is in. */
const WAITING = {
  snapshots: { isWaiting: `status = 'pending'`, vendor: `record ->> '$.vendor'` },
  quarantine: { isWaiting: 'ask_due IS NOT NULL', vendor: 'ask_vendor' },
} as const

type WaitingTable = keyof typeof WAITING

/** A task that ZEGOCLOUD is to be asked about now. */
export type DuePoll = { table: WaitingTable; row: number; task_id: string; appid: string; vendor: string }

/** What comes of ZEGOCLOUD's answer: a record, its JSON, and the hash of its content. */
export type Result = { record: FinishedRecord; text: string; content: string }

/** ZEGOCLOUD is asked when the callback is that late; then after as long again as the task has waited, up to an hour. */
const OVERDUE_MS = 120_000
const LONGEST_GAP_MS = 3_600_000

/**
 * Moves the due time, so that no two polls share a row: of each app the oldest, and every app's first row before any
 * app's second. ?1 is a JSON list of appids.
 */
function takeFrom(table: WaitingTable): string {
  const { isWaiting, vendor } = WAITING[table]
  const due = `
    SELECT rowid FROM ${table} WHERE ${isWaiting} AND ask_app = app.value AND ask_due <= ?2 ORDER BY ask_due LIMIT ?3`
  return `
    UPDATE ${table} SET ask_due = ?2 + min(max(?2 - received_at, ${OVERDUE_MS}), ${LONGEST_GAP_MS})
    WHERE rowid IN (
      SELECT first.value
      FROM json_each(?1) AS app, json_each((SELECT json_group_array(rowid) FROM (${due}))) AS first
      ORDER BY first.key, (SELECT ask_due FROM ${table} WHERE rowid = first.value) LIMIT ?3)
    RETURNING rowid AS row, task_id, ask_app AS appid, ${vendor} AS vendor`
}

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

/** Takes up to `limit` tasks that are due. */
export async function takeDuePolls(
  db: D1Database,
  table: WaitingTable,
  appids: readonly string[],
  now: number,
  limit: number,
): Promise<DuePoll[]> {
  const take = db.prepare(takeFrom(table)).bind(JSON.stringify(appids), now, limit)
  const { results } = await onDatabase(db, () => take.all<Omit<DuePoll, 'table'>>())
  return results.map((row) => ({ table, ...row }))
}

/** What was taken and could not be asked about is due again at `due`, in milliseconds. */
export async function giveBack(db: D1Database, polls: readonly DuePoll[], due: number): Promise<void> {
  if (polls.length === 0) return
  const statements = polls.map(({ table, row }) =>
    db.prepare(`UPDATE ${table} SET ask_due = ?2 WHERE rowid = ?1 AND ${WAITING[table].isWaiting}`).bind(row, due),
  )
  await onDatabase(db, () => db.batch(statements))
}

/** One answer closes all of a task's disputes that were in the quarantine when it was asked for, at `askedAt`. */
export async function closeDisputes(
  db: D1Database,
  { task_id, appid, vendor }: DuePoll,
  askedAt: number,
): Promise<void> {
  const close = `
    UPDATE quarantine SET ask_due = NULL
    WHERE task_id = ?1 AND ask_app = ?2 AND ask_vendor = ?3 AND ask_due IS NOT NULL AND kept_at <= ?4`
  await onDatabase(db, () => db.prepare(close).bind(task_id, appid, vendor, askedAt).run())
}

/** Stores what came of ZEGOCLOUD's answer; what is to be published then, or `undefined` where a callback came before it. */
export async function storeResult(db: D1Database, result: Result, now: number): Promise<Publication | undefined> {
  const write = { ...result, writeId: newWriteId(), receivedAt: now, now }
  const { task_id } = result.record
  const statements = [
    upsert(db, 'answer', write, null),
    db.prepare('SELECT 1 FROM snapshots WHERE task_id = ?1 AND delivery = ?2').bind(task_id, write.writeId),
  ]
  const results = await onDatabase(db, () => db.batch(statements))
  return results[1]!.results.length === 0 ? undefined : publicationOf(write)
}
