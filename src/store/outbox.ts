/**
 * What still has to reach KV and the queue: a due time for each target, on the snapshot's own row.
 *
 * It is written with the record, so a Worker that ends between its answer and its publishing loses nothing.
 */
import type { CompletedRecord, FailedRecord } from '../event.ts'
import { onDatabase } from './database.ts'

export type FinishedRecord = CompletedRecord | FailedRecord

/** A finished record on its way to KV and the queue. */
export type Publication = {
  task_id: string
  content: string
  /** The write that is published: what replaces it meanwhile is published again. */
  writeId: string
  record: FinishedRecord
  /** The record's JSON, as D1 has it. */
  text: string
  /** Since when it has waited, in milliseconds. */
  since: number
  /** Whether each target still lacks it. */
  kv: boolean
  event: boolean
}

/** The two targets are published to independently of each other: what misses its event, and what only KV misses. */
export type Lane = 'event' | 'kv'

/** The request that stored a record publishes it; the sweep leaves it alone that long. */
export const PUBLISH_GRACE_MS = 60_000
/** A sweep that took rows has this long to publish them, before they are due again. */
export const LEASE_MS = 120_000
const LONGEST_WAIT_MS = 3_600_000

/** Records of this length fit a Worker's memory several times. */
const MOST_LENGTH = 20_000_000

/** Moves the due time, so that overlapping sweeps never share a row. The first row goes however large it is. */
const TAKE_DUE = `
  UPDATE snapshots SET
    kv_due = CASE WHEN kv_due <= ?1 THEN ?2 ELSE kv_due END,
    event_due = CASE WHEN event_due <= ?1 THEN ?2 ELSE event_due END
  WHERE place IN (
    SELECT place FROM (
      SELECT place, size, sum(size) OVER (ORDER BY publish_at, place) AS total FROM (
        SELECT place, publish_at, length(record) AS size FROM snapshots
        WHERE publish_at IS NOT NULL AND event_sent = ?3 AND publish_at <= ?1 ORDER BY publish_at LIMIT ?4))
    WHERE total <= ${MOST_LENGTH} OR total = size)
  RETURNING task_id, content, delivery AS writeId, record AS text, unpublished_since AS since,
    kv_due IS ?2 AS kv, event_due IS ?2 AS event`

/** Takes up to `limit` publications of a lane that are due. */
export async function takeDue(db: D1Database, lane: Lane, now: number, limit: number): Promise<Publication[]> {
  type Row = Omit<Publication, 'record' | 'kv' | 'event'> & { kv: number; event: number }
  const take = db.prepare(TAKE_DUE).bind(now, now + LEASE_MS, lane === 'event' ? 0 : 1, limit)
  const { results } = await onDatabase(db, () => take.all<Row>())
  return results.map((row) => ({
    ...row,
    record: JSON.parse(row.text) as FinishedRecord,
    kv: row.kv === 1,
    event: row.event === 1,
  }))
}

/** When to try again: after as long as it has waited already, so the waits double; a minute to an hour. */
export function dueAgain(since: number, now: number): number {
  return now + Math.min(Math.max(now - since, PUBLISH_GRACE_MS), LONGEST_WAIT_MS)
}

const DUE_AGAIN = 'kv_due = ?3, event_due = ?3, unpublished_since = ?2, kv_refused = NULL'

const REPUBLISH = `
  UPDATE snapshots SET ${DUE_AGAIN} WHERE task_id = ?1 AND status <> 'pending'
  RETURNING content, delivery AS writeId, record AS text`

/**
 * Puts a finished record back into the outbox, for KV and the queue. The caller may publish it at once; else the sweep
 * does. `undefined` if the task is not known or has not finished. Throws when D1 does not take it.
 */
export async function scheduleRepublish(db: D1Database, taskId: string, now: number): Promise<Publication | undefined> {
  const again = db.prepare(REPUBLISH).bind(taskId, now, now + PUBLISH_GRACE_MS)
  const row = await onDatabase(db, () => again.first<{ content: string; writeId: string; text: string }>())
  if (row === null) return undefined
  const record = JSON.parse(row.text) as FinishedRecord
  return { task_id: taskId, ...row, record, since: now, kv: true, event: true }
}

/** How many rows are looked at in one call. */
const MOST_SCHEDULED = 1_000

const REPUBLISH_RANGE = `
  UPDATE snapshots SET kv_due = ?3, event_due = ?3, kv_refused = NULL,
    unpublished_since = iif(publish_at IS NULL, ?3, unpublished_since)
  WHERE status <> 'pending' AND place IN (
    SELECT place FROM snapshots WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT ${MOST_SCHEDULED})
  RETURNING 1`

const NEXT_IN_RANGE = `
  SELECT received_at AS at FROM snapshots WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT 1 OFFSET ${MOST_SCHEDULED}`

/**
 * Puts the finished records that were received in a range back into the outbox; `next` is where there are more.
 * Throws when D1 does not take it. Times in milliseconds.
 */
export async function scheduleRange(
  db: D1Database,
  since: number,
  until: number,
  now: number,
): Promise<{ republished: number; next: number | undefined }> {
  const [least, below] = [since, until].map((ms) => Math.min(Math.max(ms * 1000, 0), Number.MAX_SAFE_INTEGER))
  const [scheduled, next] = await onDatabase(db, () =>
    db.batch<{ at: number }>([
      db.prepare(REPUBLISH_RANGE).bind(least, below, now),
      db.prepare(NEXT_IN_RANGE).bind(least, below),
    ]),
  )
  return { republished: scheduled!.results.length, next: next!.results[0]?.at }
}
