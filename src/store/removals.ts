/** Results that were deleted: remembered, so that the same content does not come back, and until KV has let go of them. */
import { onDatabase } from './database.ts'
import { LEASE_MS } from './outbox.ts'

/** A value that has to leave KV. `content` is empty where only the value matters. */
export type Removal = { task_id: string; content: string; removed_at: number }

/** A publication that was under way when a result was deleted has ended by then: the value is deleted once more. */
const ONCE_MORE_MS = LEASE_MS

const REMEMBER = `
  INSERT INTO removals (task_id, content, removed_at, kv_due)
  SELECT task_id, content, ?2, ?2 FROM snapshots WHERE task_id = ?1 AND content IS NOT NULL
  ON CONFLICT (task_id, content) DO UPDATE SET removed_at = excluded.removed_at, kv_due = excluded.kv_due`

/** Deletes a result, and owes its removal to KV; the app of what was there. Throws when D1 does not take it. */
export async function removeRecord(db: D1Database, taskId: string, now: number): Promise<string | undefined> {
  const [, removed] = await onDatabase(db, () =>
    db.batch<{ appid: string }>([
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

/** Moves the due time, so that overlapping invocations never share one. */
const TAKE_DUE = `
  UPDATE removals SET kv_due = ?2 WHERE (task_id, content) IN (
    SELECT task_id, content FROM removals WHERE kv_due <= ?1 ORDER BY kv_due LIMIT ?3)
  RETURNING task_id`

/** The tasks whose value has to leave KV now. */
export async function takeDueRemovals(db: D1Database, now: number, limit: number): Promise<string[]> {
  const take = db.prepare(TAKE_DUE).bind(now, now + LEASE_MS, limit)
  return (await onDatabase(db, () => take.all<{ task_id: string }>())).results.map(({ task_id }) => task_id)
}

/** KV lacks a value now that a row may want: whoever deletes in KV looks into D1 afterwards. */
const OWE_ROW_TO_KV = `
  UPDATE snapshots SET kv_due = ?2, unpublished_since = CASE WHEN publish_at IS NULL THEN ?2 ELSE unpublished_since END
  WHERE task_id = ?1 AND status <> 'pending'`

const DUE_ONCE_MORE = `
  UPDATE removals SET kv_due = CASE WHEN ?2 - removed_at < ${ONCE_MORE_MS} THEN removed_at + ${ONCE_MORE_MS} END
  WHERE task_id = ?1 AND content <> ''`

/** KV has let go of the task's value. Where a row came meanwhile, KV is due again. Throws when D1 does not take it. */
export async function noteRemovedFromKv(db: D1Database, taskId: string, now: number): Promise<void> {
  await onDatabase(db, () =>
    db.batch([
      db.prepare(OWE_ROW_TO_KV).bind(taskId, now),
      db.prepare(DUE_ONCE_MORE).bind(taskId, now),
      db.prepare(`DELETE FROM removals WHERE task_id = ?1 AND content = ''`).bind(taskId),
    ]),
  )
}

const OWE = `
  INSERT INTO removals (task_id, content, removed_at, kv_due) VALUES (?1, '', ?2, ?3)
  ON CONFLICT (task_id, content) DO UPDATE SET kv_due = excluded.kv_due`

/** KV did not let go of it: it is tried again at `due`, in milliseconds. Throws when D1 does not take it. */
export async function oweRemoval(db: D1Database, taskId: string, now: number, due: number): Promise<void> {
  await onDatabase(db, () => db.prepare(OWE).bind(taskId, now, due).run())
}
