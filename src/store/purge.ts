/**
 * What is too old goes, some of it each minute: every slice reads and deletes a bounded number of rows, by an index.
 *
 * Results and the ledger only with RETENTION_DAYS; the quarantine always. Each function tells how many rows went.
 */
import { onDatabase } from './database.ts'
import { REASONS, type Reason } from './quarantine.ts'

const MS_A_DAY = 86_400_000

/** How long the quarantine keeps a row, and how many of one reason. */
const QUARANTINE_DAYS = 30
export const MOST_ROWS_A_REASON = 1_000

/** The ledger keeps a signature at least as long as the quarantine keeps what was found by it. */
const LEAST_LEDGER_DAYS = 30

/** Rows that one slice reads. */
const SLICE = 500
const LEDGER_SLICE = 5_000

/** The ledger is walked by the first three digits of its signatures: once in three days, a step a minute. */
export const LEDGER_STEPS = 4_096

const LOOK_AT_OLD = `
  SELECT place, task_id, received_at, publish_at IS NULL AND status <> 'pending' AS may_go FROM snapshots
  WHERE place > ?1 AND place < ?2 ORDER BY place LIMIT ${SLICE}`

/** Published again since it was looked at, it stays. */
const DELETE_OLD = `
  DELETE FROM snapshots WHERE task_id IN (SELECT value FROM json_each(?1)) AND place < ?2 AND publish_at IS NULL`

/** A result received at `received_at`, in milliseconds. */
export type Old = { task_id: string; received_at: number }

/**
 * Published results that were received before `before`, among the first rows behind the place `after`; and the place
 * to go on behind, `undefined` when that were all.
 * @param before in milliseconds
 */
export async function findOld(
  db: D1Database,
  after: number,
  before: number,
): Promise<{ old: Old[]; next: number | undefined }> {
  const look = db.prepare(LOOK_AT_OLD).bind(after, before * 1000)
  const { results } = await onDatabase(db, () => look.all<Old & { place: number; may_go: number }>())
  const old = results.filter(({ may_go }) => may_go === 1)
  return { old, next: results.length === SLICE ? results.at(-1)!.place : undefined }
}

export async function deleteOld(db: D1Database, old: readonly Old[], before: number): Promise<number> {
  if (old.length === 0) return 0
  const ids = JSON.stringify(old.map(({ task_id }) => task_id))
  return changesOf(db, db.prepare(DELETE_OLD).bind(ids, before * 1000))
}

/** A row that lost to another one late is as old as that. */
const DELETE_OLD_KEPT = `
  DELETE FROM quarantine WHERE rowid IN (
    SELECT rowid FROM quarantine WHERE received_at < ?1 AND (kept_at IS NULL OR kept_at < ?1)
    ORDER BY received_at LIMIT ${SLICE})`

const DELETE_MOST = `
  DELETE FROM quarantine WHERE rowid IN (
    SELECT rowid FROM quarantine WHERE reason = ?1
    ORDER BY reason DESC, received_at DESC, rowid DESC LIMIT ${SLICE} OFFSET ${MOST_ROWS_A_REASON})`

/** A reason each minute, in turn. */
export async function purgeQuarantine(db: D1Database, minute: number, now: number): Promise<number> {
  const reason: Reason = REASONS[minute % REASONS.length]!
  const old = await inSlices(() => changesOf(db, db.prepare(DELETE_OLD_KEPT).bind(now - QUARANTINE_DAYS * MS_A_DAY)))
  return old + (await inSlices(() => changesOf(db, db.prepare(DELETE_MOST).bind(reason))))
}

const PURGE_LEDGER = `
  DELETE FROM ledger WHERE signature IN (
    SELECT signature FROM ledger
    WHERE signature >= ?1 AND signature < ?2 AND seen_at < ?3 AND latest_claim < ?4 LIMIT ${LEDGER_SLICE})`

/**
 * A signature goes once nothing that was signed with it can come again: every timestamp that its characters can be
 * split into is stale.
 */
export async function purgeLedger(
  db: D1Database,
  minute: number,
  retentionDays: number,
  toleranceSeconds: number,
  now: number,
): Promise<number> {
  if (retentionDays === 0 || toleranceSeconds === 0) return 0
  const prefix = (minute % LEDGER_STEPS).toString(16).padStart(3, '0')
  const seenBefore = now - Math.max(retentionDays, LEAST_LEDGER_DAYS) * MS_A_DAY
  const stale = now - toleranceSeconds * 1000
  return changesOf(db, db.prepare(PURGE_LEDGER).bind(prefix, `${prefix}g`, seenBefore, stale))
}

/** So many slices in a minute: what is left goes in the next ones. */
const MOST_SLICES = 5

async function inSlices(slice: () => Promise<number>): Promise<number> {
  let gone = 0
  for (let n = 0; n < MOST_SLICES; n += 1) {
    const more = await slice()
    gone += more
    if (more < SLICE) break
  }
  return gone
}

async function changesOf(db: D1Database, statement: D1PreparedStatement): Promise<number> {
  return (await onDatabase(db, () => statement.run())).meta.changes
}
