/**
 * The one door into the store: a batch, which is one transaction, that tells every outcome apart.
 *
 * The ledger comes first, for every verified callback: a signature is good for one content, so a body swapped under a
 * captured signature is found, whatever its event. A fresh `delivery` on the row that it wrote tells "stored" from
 * "duplicate", even when the batch runs again after D1 took the write and then failed.
 */
import type { VerifiedCallback } from '../callback/read.ts'
import type { Unusable } from '../callback/snapshot.ts'
import { onDatabase } from './database.ts'
import { noteDispute } from './disputes.ts'
import { type Publication, PUBLISH_GRACE_MS } from './outbox.ts'
import { entryId, keep, type Reason } from './quarantine.ts'

export type Settlement =
  | { status: 'stored'; task_id: string; publication: Publication }
  | { status: 'duplicate'; task_id: string }
  | { status: 'quarantined'; id: string; reason: 'conflict' | Unusable['reason'] }
  | { status: 'signature_reused' }

type Outcome = 'stored' | 'duplicate' | 'conflict' | 'signature_reused' | Unusable['reason']

const DETAILS: Partial<Record<Outcome, string>> = {
  conflict: 'This task already has other content; the first one was kept.',
  signature_reused: 'This signature already came with other content: one of the two is forged.',
}

const ENTER_IN_LEDGER = `
  INSERT INTO ledger (signature, content, seen_at, latest_claim) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT (signature) DO NOTHING`

const URLS = (record: string) =>
  `(SELECT json_group_array(value ->> 'url') FROM json_each(${record}, '$.snapshot_pic_list'))`

/** Content is replaced only where none was final: a pending or failed task, or a query's record with the same URLs. */
const STORE_SNAPSHOT = `
  INSERT INTO snapshots (place, task_id, status, content, delivery, via, record, kv_due, event_due, unpublished_since)
  SELECT (SELECT coalesce(max(place) + 1, ?6 * 1000) FROM snapshots WHERE place BETWEEN ?6 * 1000 AND ?6 * 1000 + 999),
    ?3, 'completed', ?2, ?4, 'callback', ?5, ?8, ?8, ?7
  WHERE EXISTS (SELECT 1 FROM ledger WHERE signature = ?1 AND content = ?2)
  ON CONFLICT (task_id) DO UPDATE SET place = excluded.place, status = 'completed', content = excluded.content,
    delivery = excluded.delivery, via = 'callback', record = excluded.record, kv_due = excluded.kv_due,
    event_due = excluded.event_due, unpublished_since = excluded.unpublished_since, kv_refused = NULL
  WHERE snapshots.status <> 'completed'
    OR (snapshots.via = 'query' AND ${URLS('snapshots.record')} = ${URLS('excluded.record')})`

/** ?3 is the task_id, ?4 the delivery, ?5 why the content is unusable or NULL. */
const TELL_OUTCOME = `
  SELECT CASE
    WHEN (SELECT content FROM ledger WHERE signature = ?1) <> ?2 THEN 'signature_reused'
    WHEN ?5 IS NOT NULL THEN ?5
    WHEN content <> ?2 THEN 'conflict'
    WHEN delivery = ?4 THEN 'stored'
    ELSE 'duplicate' END AS outcome
  FROM (SELECT 1) LEFT JOIN snapshots ON task_id = ?3`

/**
 * Settles a callback, and keeps what is not stored. Any number of times, in any order, at once, it ends the same.
 * Throws when D1 does not take it in time.
 * @param now in milliseconds: what was put aside is settled long after it was received
 */
export async function settle(db: D1Database, callback: VerifiedCallback, now = Date.now()): Promise<Settlement> {
  const id = crypto.randomUUID()
  return onDatabase(db, async () => {
    const outcome = await decide(db, callback, id, now)
    if (outcome !== 'stored' && outcome !== 'duplicate') {
      const detail = 'reason' in callback.snapshot ? callback.snapshot.detail : ''
      await dispute(db, callback, outcome, now)
      await keep(db, { ...callback, reason: outcome, detail: DETAILS[outcome] ?? detail })
    }
    return settlementOf(outcome, callback, now)
  })
}

/** A snapshot that something else stands against is put to ZEGOCLOUD, where the sweep may ask it. */
async function dispute(
  db: D1Database,
  { snapshot, content }: VerifiedCallback,
  outcome: Reason,
  now: number,
): Promise<void> {
  if ('record' in snapshot) await noteDispute(db, snapshot.record, entryId({ reason: outcome, content }), now)
}

function settlementOf(outcome: Outcome, { snapshot, content }: VerifiedCallback, now: number): Settlement {
  if (outcome === 'signature_reused') return { status: outcome }
  if ('reason' in snapshot) return quarantined(snapshot.reason, content)
  if (outcome === 'conflict') return quarantined(outcome, content)
  const { record } = snapshot
  const { task_id } = record
  if (outcome !== 'stored') return { status: 'duplicate', task_id }
  const publication = { task_id, content, record, since: now, kv: true, event: true }
  return { status: outcome, task_id, publication }
}

function quarantined(reason: 'conflict' | Unusable['reason'], content: string): Settlement {
  return { status: 'quarantined', id: entryId({ reason, content }), reason }
}

async function decide(db: D1Database, callback: VerifiedCallback, id: string, now: number): Promise<Outcome> {
  const { signature, content, latestClaim, receivedAt, snapshot } = callback
  const [record, unusable] = 'reason' in snapshot ? [undefined, snapshot.reason] : [snapshot.record, undefined]
  const statements = [db.prepare(ENTER_IN_LEDGER).bind(signature, content, receivedAt, latestClaim)]
  if (record !== undefined) {
    const known = [signature, content, record.task_id, id, JSON.stringify(record), receivedAt]
    statements.push(db.prepare(STORE_SNAPSHOT).bind(...known, now, now + PUBLISH_GRACE_MS))
  }
  statements.push(db.prepare(TELL_OUTCOME).bind(signature, content, record?.task_id ?? null, id, unusable ?? null))
  const results = await db.batch<{ outcome: Outcome }>(statements)
  return results.at(-1)!.results[0]!.outcome
}
