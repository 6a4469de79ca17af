/**
 * A content wins: over the content that is stored for its task, and over the other content of its signature. An
 * operator says so, or ZEGOCLOUD's own answer. One batch, which is one transaction; any number of times, it ends the same.
 *
 * The losers go to the quarantine as `replaced`, as their records: the callbacks that they came in are not kept.
 */
import type { CompletedRecord } from '../event.ts'
import { onDatabase } from './database.ts'
import { type FinishedRecord, LEASE_MS, type Publication } from './outbox.ts'
import { noteLastPlace } from './state.ts'
import { newWriteId, publicationOf, upsert } from './settle.ts'

export type Winner = {
  /** The ledger's key; absent where no callback brings it: what was stored before, or an answer. */
  signature?: string
  content: string
  latestClaim?: number
  /** In milliseconds. */
  receivedAt: number
  record: FinishedRecord
  text: string
  /** Its entry in the quarantine, which goes. */
  entryId?: string
}

type Replacement =
  | { status: 'stored'; task_id: string; publication: Publication }
  | { status: 'duplicate'; task_id: string }

const DETAIL = 'Other content replaced it. This is the record as it was stored, not the callback that brought it.'

/** What a signature's other content stored: its ledger entry names the task, and the write id tells who stored it. */
const STORED_BY_SIGNATURE = `
  SELECT place FROM ledger JOIN snapshots ON task_id = task AND snapshots.content = ledger.content
  WHERE signature = ?1 AND ledger.content <> ?2 AND status = 'completed' AND instr(delivery, ?1 || ':') = 1`

/** ?1 signature, ?2 the winner's content, ?3 its task_id, ?4 now. */
const KEEP_LOSERS = `
  INSERT INTO quarantine (id, reason, detail, signature, task_id, received_at, kept_at, body)
  SELECT 'replaced:' || content, 'replaced', '${DETAIL}', '', task_id,
    CAST(round(unixepoch(record ->> '$.received_at', 'subsec') * 1000) AS INTEGER), ?4, record FROM snapshots
  WHERE place IN (
    SELECT place FROM snapshots WHERE task_id = ?3 AND status = 'completed' AND content <> ?2
    UNION ${STORED_BY_SIGNATURE})
  ON CONFLICT (id) DO UPDATE SET kept_at = excluded.kept_at`

/** Its own callback may come yet, with other content: the removal remembers none. */
const OWE_OTHER_TASK_TO_KV = `
  INSERT INTO removals (task_id, content, removed_at, kv_due)
  SELECT task_id, '', ?4, ?4 + ${LEASE_MS} FROM snapshots WHERE task_id <> ?3 AND place IN (${STORED_BY_SIGNATURE})
  ON CONFLICT (task_id, content) DO UPDATE SET removed_at = excluded.removed_at, kv_due = excluded.kv_due`

const REMOVE_OTHER_TASK = `
  DELETE FROM snapshots WHERE task_id <> ?3 AND place IN (${STORED_BY_SIGNATURE})`

const WIN_SIGNATURE = `
  INSERT INTO ledger (signature, content, seen_at, latest_claim, task) VALUES (?1, ?2, ?3, ?4, ?5)
  ON CONFLICT (signature) DO UPDATE SET content = excluded.content, seen_at = excluded.seen_at,
    latest_claim = max(latest_claim, excluded.latest_claim), task = excluded.task
  WHERE content <> excluded.content OR ledger.task IS NOT excluded.task`

/** The record of another task that came under the winner's signature, and would lose it. Throws when D1 cannot answer. */
export async function otherRecordOf(db: D1Database, winner: Winner): Promise<CompletedRecord | undefined> {
  const { signature = null, content, record } = winner
  const sql = `SELECT record FROM snapshots WHERE task_id <> ?3 AND place IN (${STORED_BY_SIGNATURE})`
  const find = db.prepare(sql).bind(signature, content, record.task_id)
  const row = await onDatabase(db, () => find.first<{ record: string }>())
  return row === null ? undefined : (JSON.parse(row.record) as CompletedRecord)
}

/** Throws when D1 does not take it. */
export async function replace(db: D1Database, winner: Winner, now: number): Promise<Replacement> {
  const { signature = null, content, latestClaim = 0, receivedAt, record, entryId = null } = winner
  const { task_id } = record
  const write = { ...winner, writeId: newWriteId(winner.signature), now }
  const results = await onDatabase(db, () =>
    db.batch<{ delivery: string }>([
      noteLastPlace(db),
      db.prepare(KEEP_LOSERS).bind(signature, content, task_id, now),
      db.prepare(OWE_OTHER_TASK_TO_KV).bind(signature, content, task_id, now),
      db.prepare(REMOVE_OTHER_TASK).bind(signature, content, task_id),
      ...(signature === null
        ? []
        : [db.prepare(WIN_SIGNATURE).bind(signature, content, receivedAt, latestClaim, task_id)]),
      upsert(db, 'winner', write, null),
      db.prepare('DELETE FROM quarantine WHERE id = ?1').bind(entryId),
      db.prepare('SELECT delivery FROM snapshots WHERE task_id = ?1').bind(task_id),
    ]),
  )
  if (results.at(-1)!.results[0]?.delivery !== write.writeId) return { status: 'duplicate', task_id }
  return { status: 'stored', task_id, publication: publicationOf(write) }
}
