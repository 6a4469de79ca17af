/** Tasks of which two contents have come: put down when it is noticed, and put to ZEGOCLOUD by the sweep. */
import type { CompletedRecord } from '../event.ts'
import { onDatabase } from './database.ts'

/** A task as one of the contents names it; times in milliseconds. */
export type Dispute = { task_id: string; appid: string; vendor: string; since: number }

/** A body of the quarantine that claims to be the task's own. */
export type DisputedEntry = { id: string; received_at: number; body: string }

/** So that whoever has captured a signature cannot fill the table. */
const MOST_DISPUTES = 1_000
const LONGEST_MS = 30 * 86_400_000

/** From one question about a dispute to the next: as long as it has waited already. */
const SHORTEST_GAP_MS = 120_000
const LONGEST_GAP_MS = 3_600_000

/** Each holds a body of up to 1.9 MB. */
const EXHIBITS_AT_ONCE = 5

const FORGET_OLD = `DELETE FROM disputes WHERE since < ?1 - ${LONGEST_MS}`

/** A body that is in the quarantine already has had its question. */
const NOTE = `
  INSERT INTO disputes (task_id, appid, vendor, since, due) SELECT ?1, ?2, ?3, ?4, ?4
  WHERE NOT EXISTS (SELECT 1 FROM quarantine WHERE id = ?5)
    AND (SELECT count(*) FROM (SELECT 1 FROM disputes LIMIT ${MOST_DISPUTES})) < ${MOST_DISPUTES}
  ON CONFLICT (task_id, appid, vendor) DO UPDATE SET since = excluded.since`

/** Moves the due time, so that no two sweeps share a dispute. ?1 is a JSON list of appids. */
const TAKE = `
  UPDATE disputes SET due = ?2 + min(max(?2 - since, ${SHORTEST_GAP_MS}), ${LONGEST_GAP_MS})
  WHERE (task_id, appid, vendor) IN (
    SELECT task_id, appid, vendor FROM disputes
    WHERE appid IN (SELECT value FROM json_each(?1)) AND due <= ?2 ORDER BY due LIMIT ?3)
  RETURNING task_id, appid, vendor, since`

/** To be called within `onDatabase`, before the body is put into the quarantine under `entry`. */
export async function noteDispute(db: D1Database, record: CompletedRecord, entry: string, now: number) {
  const { task_id, appid, vendor } = record
  await db.batch([db.prepare(FORGET_OLD).bind(now), db.prepare(NOTE).bind(task_id, appid, vendor, now, entry)])
}

export async function takeDisputes(
  db: D1Database,
  appids: readonly string[],
  now: number,
  limit: number,
): Promise<Dispute[]> {
  const take = db.prepare(TAKE).bind(JSON.stringify(appids), now, limit)
  return (await onDatabase(db, () => take.all<Dispute>())).results
}

/** Unless another content came meanwhile. */
export async function closeDispute(db: D1Database, { task_id, appid, vendor, since }: Dispute): Promise<void> {
  const close = 'DELETE FROM disputes WHERE task_id = ?1 AND appid = ?2 AND vendor = ?3 AND since = ?4'
  await onDatabase(db, () => db.prepare(close).bind(task_id, appid, vendor, since).run())
}

/** The task's bodies that were not stored, some at a time, by their ids. */
export async function disputedBodies(db: D1Database, taskId: string, after: string): Promise<DisputedEntry[]> {
  const some = db
    .prepare(
      `SELECT id, received_at, body FROM quarantine
      WHERE task_id = ?1 AND reason IN ('conflict', 'signature_reused') AND id > ?2
      ORDER BY id LIMIT ${EXHIBITS_AT_ONCE}`,
    )
    .bind(taskId, after)
  return (await onDatabase(db, () => some.all<DisputedEntry>())).results
}
