/**
 * The one door into the store: a batch, which is one transaction, that tells every outcome apart.
 *
 * The ledger comes first, for every verified callback: a signature is good for one content, so a body swapped under a
 * captured signature is found, whatever its event. One statement writes every finished record, by the rules of who may
 * store one, and over what.
 */
import type { Unusable, VerifiedCallback } from '../callback/snapshot.ts'
import type { PendingRecord } from '../event.ts'
import { onDatabase } from './database.ts'
import { entryId, keep, newEntry } from './keep.ts'
import { type FinishedRecord, LEASE_MS, type Publication, PUBLISH_GRACE_MS } from './outbox.ts'

/** One write of a finished record. Times in milliseconds. */
type Write = {
  /** Fresh for each write: it tells "stored" from "duplicate", even when the same batch runs again. */
  writeId: string
  content: string
  record: FinishedRecord
  /** The record's JSON. */
  text: string
  receivedAt: number
  now: number
}

/** Begins with the signature that brings the record, where one does: so the ledger's entry tells whether it stored the row. */
export function newWriteId(signature = ''): string {
  return `${signature}:${crypto.randomUUID()}`
}

const urlsOf = (record: string) =>
  `(SELECT json_group_array(value ->> 'url') FROM json_each(${record}, '$.snapshot_pic_list'))`

const IS_KNOWN = 'EXISTS (SELECT 1 FROM snapshots WHERE task_id = ?1)'

/**
 * Who may store a record (`onlyIf`), and over which row of its task (`over`). ?1 is the task_id, ?3 the content, ?7 when
 * it was received, ?10 the rule's own.
 */
const RULES = {
  /**
   * A callback, if its signature is good for this content (?10 is the signature), and neither the content was deleted nor
   * the task after it was received. A signature that came before and has no row any more was deleted or has left by
   * RETENTION_DAYS. It completes a task of its own app, and a record of the query API with the same URLs, since that one
   * has no offsets.
   */
  callback: {
    onlyIf: `EXISTS (SELECT 1 FROM ledger WHERE signature = ?10 AND content = ?3 AND (seen_at = ?7 OR ${IS_KNOWN}))
      AND NOT EXISTS (
        SELECT 1 FROM removals WHERE task_id = ?1 AND content <> '' AND (content = ?3 OR removed_at >= ?7))`,
    over: `coalesce(snapshots.record ->> '$.appid' = excluded.record ->> '$.appid', true) AND (
      snapshots.status <> 'completed'
      OR snapshots.via = 'query' AND ${urlsOf('snapshots.record')} = ${urlsOf('excluded.record')})`,
  },
  /** ZEGOCLOUD's answer, for a task that is known. Never over what a callback said. */
  answer: {
    onlyIf: `?10 IS NULL AND ${IS_KNOWN}`,
    over: `snapshots.status = 'pending' OR (snapshots.status = 'failed' AND excluded.status = 'completed')`,
  },
  /** What an operator or ZEGOCLOUD's answer decided for. */
  winner: { onlyIf: '?10 IS NULL', over: 'snapshots.content IS NOT excluded.content' },
} as const

/** When D1 stores the row, in microseconds of its own clock, and greater than every place that was given before. */
const NEXT_PLACE = `
  max(CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000, 1 + coalesce((SELECT max(place) FROM snapshots), 0),
    1 + coalesce((SELECT changed_at FROM state WHERE name = 'last_place'), 0))`

const upsertBy = ({ onlyIf, over }: { onlyIf: string; over: string }) => `
  INSERT INTO snapshots (task_id, status, content, delivery, via, record, place, unpublished_since, kv_due, event_due)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ${NEXT_PLACE}, ?8, ?9, ?9
  WHERE ${onlyIf}
  ON CONFLICT (task_id) DO UPDATE SET status = excluded.status, content = excluded.content,
    delivery = excluded.delivery, via = excluded.via, record = excluded.record, place = excluded.place,
    unpublished_since = excluded.unpublished_since, kv_due = excluded.kv_due, event_due = excluded.event_due,
    kv_refused = NULL, kv_again = iif(snapshots.kv_due IS NULL, NULL, ?8 + ${LEASE_MS})
  WHERE ${over}`

const STATEMENTS = {
  callback: upsertBy(RULES.callback),
  answer: upsertBy(RULES.answer),
  winner: upsertBy(RULES.winner),
}

/** A task that is known stays what it is: its callback may have come before. */
const REGISTER = `
  INSERT INTO snapshots (place, task_id, status, delivery, record, ask_app, ask_due)
  VALUES (${NEXT_PLACE}, ?1, 'pending', ?2, ?3, ?4, ?5)
  ON CONFLICT (task_id) DO NOTHING`

/** A task that has not finished. @param due when ZEGOCLOUD is asked about it, in milliseconds */
export function insertPending(
  db: D1Database,
  record: PendingRecord,
  writeId: string,
  due: number,
): D1PreparedStatement {
  return db.prepare(REGISTER).bind(record.task_id, writeId, JSON.stringify(record), record.appid, due)
}

/** @param own what the rule asks for, or `null` */
export function upsert(
  db: D1Database,
  rule: keyof typeof RULES,
  { writeId, content, record, text, receivedAt, now }: Write,
  own: string | number | null,
): D1PreparedStatement {
  const { task_id, status } = record
  const via = record.status === 'completed' ? record.via : null
  const due = now + PUBLISH_GRACE_MS
  return db.prepare(STATEMENTS[rule]).bind(task_id, status, content, writeId, via, text, receivedAt, now, due, own)
}

/** What is to be published of a write that was stored. */
export function publicationOf({ writeId, content, record, text, now }: Write): Publication {
  const due = now + PUBLISH_GRACE_MS
  const times = { storedAt: now, since: now, kvDue: due, eventDue: due }
  return { task_id: record.task_id, content, writeId, record, text, ...times }
}

export type Settlement =
  | { status: 'stored'; task_id: string; publication: Publication }
  | { status: 'duplicate'; task_id: string }
  | { status: 'quarantined'; id: string; reason: 'conflict' | Unusable['reason'] }
  | { status: 'signature_reused' }
  /** A purge of the ledger may have forgotten its signature. */
  | { status: 'stale' }

type SettleOptions = {
  /** In milliseconds: a buffered callback is settled long after it was received. */
  now?: number
  /** It was answered 202: whatever the outcome, it is kept. */
  acknowledged?: boolean
  /** It was verified and fresh when it was received: what a purge has forgotten since does not matter. */
  trusted?: boolean
}

type NotStored = keyof typeof DETAILS | Unusable['reason']
type Outcome = 'stored' | 'duplicate' | 'stale' | NotStored

const DETAILS = {
  conflict: 'This task already has other content; the first one stays.',
  signature_reused: 'This signature was already used for different content: one of the two is forged.',
} as const

/**
 * ?5 is the callback's own time: what is older than the last purge of the ledger may have been used before. ?6 is the
 * task_id: what was no usable snapshot when it was entered may be one for a later version.
 */
const ENTER_IN_LEDGER = `
  INSERT INTO ledger (signature, content, seen_at, latest_claim, task) SELECT ?1, ?2, ?3, ?4, ?6
  WHERE ?5 > coalesce((SELECT changed_at FROM state WHERE name = 'ledger_purged'), -1)
  ON CONFLICT (signature) DO UPDATE SET task = excluded.task
  WHERE content = excluded.content AND ledger.task IS NULL AND excluded.task IS NOT NULL`

/** ?3 is the task_id, ?4 the write id, ?5 why the content is unusable or NULL. */
const TELL_OUTCOME = `
  SELECT CASE
    WHEN ledger.content IS NULL THEN 'stale'
    WHEN ledger.content <> ?2 THEN 'signature_reused'
    WHEN ?5 IS NOT NULL THEN ?5
    WHEN snapshots.task_id IS NOT NULL AND snapshots.content IS NOT ?2 THEN 'conflict'
    WHEN snapshots.delivery = ?4 THEN 'stored'
    ELSE 'duplicate' END AS outcome
  FROM (SELECT 1) LEFT JOIN ledger ON signature = ?1 LEFT JOIN snapshots ON task_id = ?3`

/**
 * Settles a callback, and keeps what is not stored. Any number of times, in any order, at once, it ends the same.
 * Throws when D1 does not take it in time.
 */
export async function settle(
  db: D1Database,
  callback: VerifiedCallback,
  { now = Date.now(), acknowledged = false, trusted = false }: SettleOptions = {},
): Promise<Settlement> {
  const { snapshot } = callback
  const write = { ...callback, writeId: newWriteId(callback.signature), now }
  return onDatabase(db, async () => {
    const outcome = await decide(db, write, trusted)
    if (outcome === 'stale') return { status: outcome }
    if ('record' in snapshot && (outcome === 'stored' || outcome === 'duplicate')) {
      const { task_id } = snapshot.record
      if (outcome === 'duplicate') return { status: outcome, task_id }
      return { status: outcome, task_id, publication: publicationOf({ ...write, ...snapshot }) }
    }
    return keepInQuarantine(db, callback, outcome as NotStored, acknowledged, now)
  })
}

type Decision = VerifiedCallback & { writeId: string; now: number }

async function decide(db: D1Database, write: Decision, trusted: boolean): Promise<Outcome> {
  const { signature, content, latestClaim, signedAt, receivedAt, snapshot, writeId } = write
  const [record, unusable] = 'reason' in snapshot ? [null, snapshot.reason] : [snapshot.record, null]
  const taskId = record?.task_id ?? null
  const time = trusted ? Number.MAX_SAFE_INTEGER : (signedAt ?? 0)
  const results = await db.batch<{ outcome: Outcome }>([
    db.prepare(ENTER_IN_LEDGER).bind(signature, content, receivedAt, latestClaim, time, taskId),
    ...('record' in snapshot ? [upsert(db, 'callback', { ...write, ...snapshot }, signature)] : []),
    db.prepare(TELL_OUTCOME).bind(signature, content, taskId, writeId, unusable),
  ])
  return results.at(-1)!.results[0]!.outcome
}

/** A snapshot that other content stands against is put to ZEGOCLOUD, once there is a ServerSecret for its app. */
async function keepInQuarantine(
  db: D1Database,
  callback: VerifiedCallback,
  reason: NotStored,
  acknowledged: boolean,
  now: number,
): Promise<Settlement> {
  const { snapshot, content } = callback
  const detail = 'reason' in snapshot ? snapshot.detail : DETAILS[reason as keyof typeof DETAILS]
  const ask = 'record' in snapshot ? { ...snapshot.record, due: now } : undefined
  await keep(db, { ...newEntry(callback, reason, detail), acknowledged, ask }, now)
  if (reason === 'signature_reused') return { status: reason }
  return { status: 'quarantined', id: entryId(reason, content), reason }
}

/** The signature's content is read as another one now than when it was entered, from the very same bytes. */
export async function enterAgain(db: D1Database, { signature, content }: VerifiedCallback, was: string): Promise<void> {
  if (was === content) return
  const enter = db.prepare('UPDATE ledger SET content = ?3 WHERE signature = ?1 AND content = ?2')
  await onDatabase(db, () => enter.bind(signature, was, content).run())
}
