/**
 * A kept delivery wins: over the content that is stored for its task, and over the other content of its signature.
 * An operator says so, or ZEGOCLOUD's own answer. One batch, which is one transaction; any number of times, it ends
 * the same.
 *
 * The losers go to the quarantine as `replaced`, as their records: the callbacks that they came in are not kept.
 */
import type { CompletedRecord } from '../event.ts'
import { onDatabase } from './database.ts'
import { type Publication, PUBLISH_GRACE_MS } from './outbox.ts'

export type Winner = {
  /** The ledger's key; `undefined` for a record that was stored before: its own signatures know it. */
  signature: string | undefined
  content: string
  latestClaim: number
  /** In milliseconds. */
  receivedAt: number
  record: CompletedRecord
  /** Its row in the quarantine, which goes. */
  keptAs: string
}

export type Replacement =
  | { status: 'stored'; task_id: string; publication: Publication }
  | { status: 'duplicate'; task_id: string }

const DETAIL = 'Other content won over it. This is the record as it was stored, not the callback that it came in.'

/** What a signature's other content stored: the ledger's entry and the row have one and the same time. */
const STORED_BY_SIGNATURE = `
  SELECT place FROM ledger CROSS JOIN snapshots
  WHERE signature = ?1 AND ledger.content <> ?2
    AND place BETWEEN seen_at * 1000 AND seen_at * 1000 + 999
    AND snapshots.content = ledger.content AND status = 'completed'`

/** ?1 signature, ?2 the winner's content, ?3 its task_id, ?4 now. */
const KEEP_LOSERS = `
  INSERT INTO quarantine (id, reason, detail, signature, task_id, received_at, kept_at, body)
  SELECT 'replaced:' || content, 'replaced', '${DETAIL}', '', task_id, received_at, ?4, record FROM snapshots
  WHERE place IN (
    SELECT place FROM snapshots WHERE task_id = ?3 AND status = 'completed' AND content <> ?2
    UNION ${STORED_BY_SIGNATURE})
  ON CONFLICT (id) DO UPDATE SET kept_at = excluded.kept_at`

const REMOVE_OTHER_TASK = `DELETE FROM snapshots WHERE task_id <> ?3 AND place IN (${STORED_BY_SIGNATURE})`

const FIND_OTHER_TASK = `SELECT task_id FROM snapshots WHERE task_id <> ?3 AND place IN (${STORED_BY_SIGNATURE})`

const WIN_SIGNATURE = `
  INSERT INTO ledger (signature, content, seen_at, latest_claim) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT (signature) DO UPDATE SET content = excluded.content, seen_at = excluded.seen_at,
    latest_claim = max(latest_claim, excluded.latest_claim)
  WHERE content <> excluded.content`

/** ?1 task_id, ?2 content, ?3 delivery, ?4 via, ?5 record, ?6 received_at, ?7 when to publish, ?8 now. */
const WIN_TASK = `
  INSERT INTO snapshots (place, task_id, status, content, delivery, via, record, kv_due, event_due, unpublished_since)
  SELECT (SELECT coalesce(max(place) + 1, ?6 * 1000) FROM snapshots WHERE place BETWEEN ?6 * 1000 AND ?6 * 1000 + 999),
    ?1, 'completed', ?2, ?3, ?4, ?5, ?7, ?7, ?8
  WHERE true
  ON CONFLICT (task_id) DO UPDATE SET place = excluded.place, status = 'completed', content = excluded.content,
    delivery = excluded.delivery, via = excluded.via, record = excluded.record, kv_due = excluded.kv_due,
    event_due = excluded.event_due, unpublished_since = excluded.unpublished_since, kv_refused = NULL
  WHERE snapshots.content IS NOT excluded.content`

/**
 * The other task that loses its record, if there is one: its value has to leave KV too, before `replace`, which forgets
 * which one it was. Throws when D1 cannot answer.
 */
export async function otherTaskOf(db: D1Database, winner: Winner): Promise<string | undefined> {
  const { signature, content, record } = winner
  const row = await onDatabase(db, () =>
    db
      .prepare(FIND_OTHER_TASK)
      .bind(signature ?? null, content, record.task_id)
      .first<{ task_id: string }>(),
  )
  return row?.task_id
}

/** Throws when D1 does not take it. */
export async function replace(db: D1Database, winner: Winner, now: number): Promise<Replacement> {
  const { signature = null, content, latestClaim, receivedAt, record, keptAs } = winner
  const { task_id } = record
  const delivery = crypto.randomUUID()
  const text = JSON.stringify(record)
  const row = await onDatabase(db, async () => {
    const results = await db.batch<{ delivery: string }>([
      db.prepare(KEEP_LOSERS).bind(signature, content, task_id, now),
      db.prepare(REMOVE_OTHER_TASK).bind(signature, content, task_id),
      ...(signature === null ? [] : [db.prepare(WIN_SIGNATURE).bind(signature, content, receivedAt, latestClaim)]),
      db.prepare(WIN_TASK).bind(task_id, content, delivery, record.via, text, receivedAt, now + PUBLISH_GRACE_MS, now),
      db.prepare('DELETE FROM quarantine WHERE id = ?1').bind(keptAs),
      db.prepare('SELECT delivery FROM snapshots WHERE task_id = ?1').bind(task_id),
    ])
    return results.at(-1)!.results[0]
  })
  if (row?.delivery !== delivery) return { status: 'duplicate', task_id }
  const publication = { task_id, content, record, since: now, kv: true, event: true }
  return { status: 'stored', task_id, publication }
}
