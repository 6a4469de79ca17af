/**
 * Results that were deleted: remembered, so that they do not come back, and until KV has let go of them.
 *
 * D1 owes the delete in KV, due once every publication that was under way has ended: only the sweep settles the debt.
 */
import { onDatabase } from './database.ts'
import { LEASE_MS } from './outbox.ts'
import { noteLastPlace } from './state.ts'

/** A debt to KV that was taken: `due` is the due time under which it was. */
export type Removal = {
  task_id: string
  content: string
  due: number
  /** Since when it is owed, in milliseconds. */
  since: number
  /** Whether the task has a result again, whose value takes the old one's place in KV. */
  isStored: boolean
}

/** What became of a debt: when it is due again, or `null` when KV has let go of the value. */
export type RemovalResult = Pick<Removal, 'task_id' | 'content'> & { taken: number; due: number | null }

/** Where no finished result was there, what was received before is remembered by its time alone: `*` is no content. */
const REMEMBER = `
  INSERT INTO removals (task_id, content, removed_at, kv_due)
  SELECT ?1, coalesce((SELECT content FROM snapshots WHERE task_id = ?1), '*'), ?2, ?2 + ${LEASE_MS} WHERE true
  ON CONFLICT (task_id, content) DO UPDATE SET removed_at = excluded.removed_at, kv_due = excluded.kv_due`

/** Deletes a result, and owes its removal to KV; the app of what was there. Throws when D1 does not take it. */
export async function removeRecord(db: D1Database, taskId: string, now: number): Promise<string | undefined> {
  const [, , removed] = await onDatabase(db, () =>
    db.batch<{ appid: string }>([
      noteLastPlace(db),
      db.prepare(REMEMBER).bind(taskId, now),
      db.prepare(`DELETE FROM snapshots WHERE task_id = ?1 RETURNING record ->> '$.appid' AS appid`).bind(taskId),
    ]),
  )
  return removed!.results[0]?.appid
}

/** Whether an operator has deleted the task's result. */
export async function wasDeleted(db: D1Database, taskId: string): Promise<boolean> {
  const find = db.prepare(`SELECT 1 FROM removals WHERE task_id = ?1 AND content <> '' LIMIT 1`).bind(taskId)
  return (await onDatabase(db, () => find.first())) !== null
}

/** An operator wants the task back: of what was received before it was deleted, only the very content stays away. */
export async function allowEarlier(db: D1Database, taskId: string): Promise<void> {
  const allow = db.prepare(`UPDATE removals SET removed_at = 0 WHERE task_id = ?1 AND content <> ''`).bind(taskId)
  await onDatabase(db, () => allow.run())
}

/** Moves the due time, so that overlapping invocations never share one. */
const TAKE_DUE = `
  UPDATE removals SET kv_due = ?2 WHERE (task_id, content) IN (
    SELECT task_id, content FROM removals WHERE kv_due <= ?1 ORDER BY kv_due LIMIT ?3)
  RETURNING task_id, content, kv_due AS due, removed_at AS since,
    EXISTS (SELECT 1 FROM snapshots WHERE snapshots.task_id = removals.task_id AND status <> 'pending') AS isStored`

/** The values that have to leave KV now. */
export async function takeDueRemovals(db: D1Database, now: number, limit: number): Promise<Removal[]> {
  const take = db.prepare(TAKE_DUE).bind(now, now + LEASE_MS, limit)
  const { results } = await onDatabase(db, () => take.all<Omit<Removal, 'isStored'> & { isStored: number }>())
  return results.map((row) => ({ ...row, isStored: row.isStored === 1 }))
}

const DONE = `SELECT value ->> '$.task_id' FROM json_each(?1) WHERE value ->> '$.due' IS NULL`

/** Others write the same key: whoever deletes in KV looks into D1 afterwards, and owes KV the row that has come. */
const OWE_ROWS_TO_KV = `
  UPDATE snapshots SET kv_due = max(?2, coalesce(kv_due + 1, 0)),
    unpublished_since = iif(publish_at IS NULL, ?2, unpublished_since)
  WHERE status <> 'pending' AND task_id IN (${DONE})`

const SETTLE = `
  UPDATE removals SET kv_due = result ->> '$.due' FROM (SELECT value AS result FROM json_each(?1))
  WHERE task_id = result ->> '$.task_id' AND content = result ->> '$.content' AND kv_due = result ->> '$.taken'`

/** Where only the value mattered, nothing is left to remember. */
const FORGET_SETTLED = `DELETE FROM removals WHERE content = '' AND kv_due IS NULL AND task_id IN (${DONE})`

/** Where a row came meanwhile, KV is due again. Throws when D1 does not take it: the debts are due again then. */
export async function settleRemovals(db: D1Database, results: readonly RemovalResult[], now: number): Promise<void> {
  const list = JSON.stringify(results)
  await onDatabase(db, () =>
    db.batch([
      db.prepare(OWE_ROWS_TO_KV).bind(list, now),
      db.prepare(SETTLE).bind(list),
      db.prepare(FORGET_SETTLED).bind(list),
    ]),
  )
}
