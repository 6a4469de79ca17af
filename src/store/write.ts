/** The one statement that writes a finished record, and the rules of who may store one, and over what. */
import type { PendingRecord } from '../event.ts'
import { type FinishedRecord, LEASE_MS, type Publication, PUBLISH_GRACE_MS } from './outbox.ts'

/** One write of a finished record. Times in milliseconds. */
export type Write = {
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
