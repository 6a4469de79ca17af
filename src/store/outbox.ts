/**
 * What still has to reach KV and the queue: a due time for each target, on the snapshot's own row.
 *
 * It is written with the record, so a Worker that ends between its answer and its publishing loses nothing. A due time
 * also names the publication that was taken under it: acknowledging clears that due time, and no other that was set since.
 */
import type { CompletedRecord, FailedRecord } from '../event.ts'
import { onDatabase } from './database.ts'

export type FinishedRecord = CompletedRecord | FailedRecord

/** A finished record on its way to KV and the queue. Times in milliseconds. */
export type Publication = {
  task_id: string
  content: string
  /** The write that is published: what replaces it meanwhile is published again. */
  writeId: string
  record: FinishedRecord
  /** The record's JSON, as D1 has it. */
  text: string
  /** RETENTION_DAYS are counted from then, in KV as in D1: a callback may be stored long after it was received. */
  storedAt: number
  /** Since when it has waited; `null` where an operator asked for it with many others, and nobody waits. */
  since: number | null
  /** The due time under which it was taken for each target; `null` where the target has the record already. */
  kvDue: number | null
  eventDue: number | null
}

/** What became of a publication at a target: when it is due again, or `null` when the target has the record. */
type TargetResult = { taken: number; due: number | null }

/** A target that was not tried is absent. */
export type PublishResult = Pick<Publication, 'task_id' | 'writeId'> & {
  /** `refused` is why KV will never take it, in KV's words; `until` when the value in KV expires by itself. */
  kv?: TargetResult & { refused?: string | undefined; until?: number | undefined }
  event?: TargetResult
}

/** The two targets are published to independently of each other: what misses its event, and what only KV misses. */
export type Lane = 'event' | 'kv'

/** The request that stored a record publishes it; the sweep leaves it alone that long. */
export const PUBLISH_GRACE_MS = 60_000
/** Whoever took rows has this long to publish them, before they are due again: longer than any publication takes. */
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
  RETURNING task_id, content, delivery AS writeId, record AS text, place / 1000 AS storedAt, unpublished_since AS since,
    iif(kv_due = ?2, ?2, NULL) AS kvDue, iif(event_due = ?2, ?2, NULL) AS eventDue`

/** Takes up to `limit` publications of a lane that are due. */
export async function takeDue(db: D1Database, lane: Lane, now: number, limit: number): Promise<Publication[]> {
  const take = db.prepare(TAKE_DUE).bind(now, now + LEASE_MS, lane === 'event' ? 0 : 1, limit)
  const { results } = await onDatabase(db, () => take.all<Omit<Publication, 'record'>>())
  return results.map((row) => ({ ...row, record: JSON.parse(row.text) as FinishedRecord }))
}

/** When to try again: after as long as it has waited already, so the waits double; a minute to an hour. */
export function dueAgain(since: number | null, now: number): number {
  return now + Math.min(Math.max(now - (since ?? now), PUBLISH_GRACE_MS), LONGEST_WAIT_MS)
}

/**
 * ?1 is a JSON list of `PublishResult`, ?2 is now. A row that was written again since keeps what its own write owes.
 * Where an operator asked for it, it has waited since its first failure.
 */
const MARK = `
  UPDATE snapshots SET
    kv_due = CASE WHEN kv_due = result ->> '$.kv.taken' THEN coalesce(result ->> '$.kv.due', kv_again) ELSE kv_due END,
    kv_again = CASE WHEN kv_due = result ->> '$.kv.taken' AND result ->> '$.kv.due' IS NULL THEN NULL ELSE kv_again END,
    kv_refused = CASE WHEN kv_due = result ->> '$.kv.taken' THEN result ->> '$.kv.refused' ELSE kv_refused END,
    kv_until = CASE WHEN kv_due = result ->> '$.kv.taken' THEN result ->> '$.kv.until' ELSE kv_until END,
    event_due = CASE WHEN event_due = result ->> '$.event.taken' THEN result ->> '$.event.due' ELSE event_due END,
    unpublished_since = coalesce(unpublished_since, ?2)
  FROM (SELECT value AS result FROM json_each(?1))
  WHERE task_id = result ->> '$.task_id' AND delivery IS result ->> '$.writeId'`

/** What requests of this isolate have not written yet: a cache. Where it is lost, its rows are due again. */
const gathered: PublishResult[] = []
/** Until when the others rely on the request that waits, in milliseconds. */
let awaitedUntil = 0
const GATHER_MS = 100
const TAKEN_OVER_MS = 1_000

/**
 * Writes results together with those of other requests: in a rush D1 takes a write for many rows in the time of one, and
 * without it answers at 64 connections take half as long again. The first request waits for the others, which leave plain
 * data: no promise is shared, since the runtime cancels what one request does for another. Throws when D1 does not take
 * it: the rows are due again then.
 */
export async function markPublished(db: D1Database, results: readonly PublishResult[], now: number): Promise<void> {
  gathered.push(...results)
  if (Date.now() < awaitedUntil) return
  awaitedUntil = Date.now() + TAKEN_OVER_MS
  await scheduler.wait(GATHER_MS)
  awaitedUntil = 0
  const together = JSON.stringify(gathered.splice(0))
  await onDatabase(db, () => db.prepare(MARK).bind(together, now).run())
}

const REPUBLISH = `
  UPDATE snapshots SET kv_due = ?3, event_due = ?3, unpublished_since = ?2, kv_refused = NULL
  WHERE task_id = ?1 AND status <> 'pending'
  RETURNING content, delivery AS writeId, record AS text, place / 1000 AS storedAt, kv_due AS kvDue, event_due AS eventDue`

/**
 * Puts a finished record back into the outbox, for KV and the queue. The caller may publish it at once; else the sweep
 * does. `undefined` if the task is not known or has not finished. Throws when D1 does not take it.
 */
export async function scheduleRepublish(db: D1Database, taskId: string, now: number): Promise<Publication | undefined> {
  const again = db.prepare(REPUBLISH).bind(taskId, now, now + PUBLISH_GRACE_MS)
  type Row = Omit<Publication, 'task_id' | 'record' | 'since'>
  const row = await onDatabase(db, () => again.first<Row>())
  if (row === null) return undefined
  return { task_id: taskId, ...row, record: JSON.parse(row.text) as FinishedRecord, since: now }
}

/** How many rows are looked at in one call. */
const MOST_SCHEDULED = 1_000

/** After what waits for its event already, such as the range before this one. */
const FREE_FROM = `
  (SELECT max(?3, coalesce(max(publish_at) + ?4, 0)) FROM snapshots WHERE publish_at IS NOT NULL AND event_sent = 0)`

/**
 * One after the other, ?4 milliseconds apart: what fails by itself meanwhile is due between them, not behind all of them.
 * What waits already keeps the time since when it does.
 */
const REPUBLISH_RANGE = `
  UPDATE snapshots SET kv_due = min(due, coalesce(kv_due, due)), event_due = min(due, coalesce(event_due, due)),
    kv_refused = NULL, unpublished_since = iif(publish_at IS NULL, NULL, unpublished_since)
  FROM (SELECT place AS scheduled, ${FREE_FROM} + (row_number() OVER (ORDER BY place) - 1) * ?4 AS due FROM (
    SELECT place, status FROM snapshots WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT ${MOST_SCHEDULED})
    WHERE status <> 'pending')
  WHERE place = scheduled
  RETURNING event_due AS due`

const NEXT_IN_RANGE = `
  SELECT received_at AS at FROM snapshots WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT 1 OFFSET ${MOST_SCHEDULED}`

/** `last` is when the last of them is due, `next` where there are more. Times in milliseconds. */
type Scheduled = { republished: number; last: number; next: number | undefined }

/**
 * Puts the finished records of a range back into the outbox, `pace` milliseconds apart. Throws when D1 does not take it.
 */
export async function scheduleRange(
  db: D1Database,
  since: number,
  until: number,
  pace: number,
  now: number,
): Promise<Scheduled> {
  const [least, below] = [since, until].map((ms) => Math.min(Math.max(ms * 1000, 0), Number.MAX_SAFE_INTEGER))
  const [scheduled, next] = await onDatabase(db, () =>
    db.batch<{ due: number; at: number }>([
      db.prepare(REPUBLISH_RANGE).bind(least, below, now, pace),
      db.prepare(NEXT_IN_RANGE).bind(least, below),
    ]),
  )
  const last = Math.max(now, ...scheduled!.results.map(({ due }) => due))
  return { republished: scheduled!.results.length, last, next: next!.results[0]?.at }
}
