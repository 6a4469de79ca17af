/**
 * What still has to reach KV and the queue: a due time for each target, on the snapshot's own row.
 *
 * It is written with the record, so a Worker that ends between its answer and its publishing loses nothing.
 */
import type { CompletedRecord, FailedRecord } from '../event.ts'
import { onDatabase } from './database.ts'

/** A finished record, and the targets that do not have it yet. */
export type Publication = {
  task_id: string
  content: string
  record: CompletedRecord | FailedRecord
  /** Since when it has waited, in milliseconds. */
  since: number
  kv: boolean
  event: boolean
}

/** What became of a publication: for each target tried, when it is due again, or `null` when it has the record. */
export type PublishResult = {
  task_id: string
  content: string
  kvDue?: number | null
  eventDue?: number | null
  /** Why KV will never take it, in KV's words. */
  kvRefused?: string
}

/** The request that stored a record publishes it; the sweep leaves it alone that long. */
export const PUBLISH_GRACE_MS = 60_000
/** A sweep that took rows has this long to publish them, before they are due again. */
const LEASE_MS = 120_000
const LONGEST_WAIT_MS = 3_600_000

/** Moves the due time, so that overlapping sweeps never share a row. */
const TAKE_DUE = `
  UPDATE snapshots SET
    kv_due = CASE WHEN kv_due <= ?1 THEN ?2 ELSE kv_due END,
    event_due = CASE WHEN event_due <= ?1 THEN ?2 ELSE event_due END
  WHERE place IN (
    SELECT place FROM snapshots WHERE publish_at IS NOT NULL AND event_sent = ?3 AND publish_at <= ?1
    ORDER BY publish_at LIMIT ?4)
  RETURNING task_id, content, record, unpublished_since AS since, kv_due IS ?2 AS kv, event_due IS ?2 AS event`

/** Only for the content that was published: what replaced it meanwhile is published again. */
const MARK = `
  UPDATE snapshots SET
    kv_due = CASE WHEN ?3 THEN ?4 ELSE kv_due END,
    event_due = CASE WHEN ?5 THEN ?6 ELSE event_due END,
    kv_refused = CASE WHEN ?3 THEN ?7 ELSE kv_refused END
  WHERE task_id = ?1 AND content = ?2`

/** Takes up to `limit` publications that are due: those that miss their event, or those that only KV misses. */
export async function takeDue(
  db: D1Database,
  missing: 'event' | 'kv',
  now: number,
  limit: number,
): Promise<Publication[]> {
  const { results } = await onDatabase(db, () =>
    db
      .prepare(TAKE_DUE)
      .bind(now, now + LEASE_MS, missing === 'event' ? 0 : 1, limit)
      .all<Omit<Publication, 'record' | 'kv' | 'event'> & { record: string; kv: number; event: number }>(),
  )
  return results.map((row) => ({
    ...row,
    record: JSON.parse(row.record) as Publication['record'],
    kv: row.kv === 1,
    event: row.event === 1,
  }))
}

/** Marks of this isolate's requests: plain data, so that any of them may write them all. */
const gathered: PublishResult[] = []
/** While one of the requests waits to write them, in milliseconds: it may end before it has, and another takes over. */
let awaitedUntil = 0
const GATHER_MS = 100
const TAKEN_OVER_MS = 1_000
/** With what else a request does, fewer than the 50 queries that an invocation of the free plan has. */
const MOST_TOGETHER = 30

/** Marks together with those of other requests: in a rush, D1 is asked once for many. Throws what D1 threw. */
export async function markPublished(db: D1Database, marks: readonly PublishResult[]): Promise<void> {
  gathered.push(...marks)
  const now = Date.now()
  if (now < awaitedUntil) return
  awaitedUntil = now + TAKEN_OVER_MS
  await scheduler.wait(GATHER_MS)
  awaitedUntil = 0
  for (const all = gathered.splice(0); all.length > 0;) await mark(db, all.splice(0, MOST_TOGETHER))
}

async function mark(db: D1Database, marks: readonly PublishResult[]): Promise<void> {
  await onDatabase(db, () =>
    db.batch(
      marks.map(({ task_id, content, kvDue, eventDue, kvRefused }) => {
        const tried = [kvDue, eventDue].flatMap((due) => [due === undefined ? 0 : 1, due ?? null])
        return db.prepare(MARK).bind(task_id, content, ...tried, kvRefused ?? null)
      }),
    ),
  )
}

/** An event that waits longer than this, someone should look at. */
const LATE_MS = 15 * 60_000

/** How many waiting rows are looked at, so that a large backlog costs no more than a small one. */
const LOOKED_AT = 90

export const isEventLate = (db: D1Database, now: number) => isLate(db, 0, now - LATE_MS)
export const isKvLate = (db: D1Database, now: number) => isLate(db, 1, now - 2 * PUBLISH_GRACE_MS)

/** Whether one of the first that wait has waited since before `since`. */
async function isLate(db: D1Database, eventSent: 0 | 1, since: number): Promise<boolean> {
  const row = await onDatabase(db, () =>
    db
      .prepare(
        `SELECT min(unpublished_since) < ?2 AS late FROM (
          SELECT unpublished_since FROM snapshots WHERE publish_at IS NOT NULL AND event_sent = ?1
          ORDER BY publish_at LIMIT ${LOOKED_AT})`,
      )
      .bind(eventSent, since)
      .first<{ late: number | null }>(),
  )
  return row?.late === 1
}

/** When to try again: after as long as it has waited already, so the waits double; a minute to an hour. */
export function dueAgain(since: number, now: number): number {
  return now + Math.min(Math.max(now - since, PUBLISH_GRACE_MS), LONGEST_WAIT_MS)
}
