/**
 * What is too old goes, some of it each minute: every slice reads and deletes a bounded number of rows, by an index.
 *
 * Results and the ledger only with RETENTION_DAYS; the quarantine always. Each function tells how many rows went.
 */
import { onDatabase } from './database.ts'
import { MOST_ENTRIES_A_REASON } from './quarantine.ts'

const MS_A_DAY = 86_400_000

/** The longest time that a CallbackSecret is assumed to stay in use: what it signed can come again until then. */
const SECRET_LIFE_MS = 5 * 366 * MS_A_DAY

const QUARANTINE_DAYS = 30

/** The ledger keeps a signature at least as long as the quarantine keeps what was found by it. */
const LEAST_LEDGER_DAYS = 30

/** Rows that one slice reads. */
const SLICE = 500
const LEDGER_SLICE = 5_000

/** The ledger is walked by the first three digits of its signatures: once in three days, a step a minute. */
export const LEDGER_STEPS = 4_096

/** Where a row cannot go yet, the next ones are looked at. */
const LOOK_AT_OLD = `
  SELECT place, task_id, publish_at IS NULL AND status <> 'pending' AS may_go,
    coalesce(kv_until <= ?3, false) AS expires FROM snapshots
  WHERE place > ?1 AND place < ?2 ORDER BY place LIMIT ${SLICE}`

/** The task of a result that is old, and whether KV lets go of its value by itself. */
export type Old = { task_id: string; expires: boolean }

/**
 * Published results that were received before `before`, among the first rows behind the place `after`; and the place
 * to go on behind, `undefined` when that were all.
 * @param before in milliseconds
 * @param expiredBy a value that expires by then leaves KV by itself, in milliseconds
 */
export async function findOld(
  db: D1Database,
  after: number,
  before: number,
  expiredBy: number,
): Promise<{ old: Old[]; next: number | undefined }> {
  type Row = { place: number; task_id: string; may_go: number; expires: number }
  const look = db.prepare(LOOK_AT_OLD).bind(after, before * 1000, expiredBy)
  const { results } = await onDatabase(db, () => look.all<Row>())
  const old = results.filter(({ may_go }) => may_go === 1)
  return {
    old: old.map(({ task_id, expires }) => ({ task_id, expires: expires === 1 })),
    next: results.length === SLICE ? results.at(-1)!.place : undefined,
  }
}

/** Published again since it was looked at, it stays. */
const IS_OLD = `task_id IN (SELECT value FROM json_each(?1)) AND place < ?2 AND publish_at IS NULL`

const OWE_TO_KV = `
  INSERT INTO removals (task_id, content, removed_at, kv_due)
  SELECT task_id, '', ?3, ?3 FROM snapshots WHERE ${IS_OLD}
  ON CONFLICT (task_id, content) DO UPDATE SET removed_at = excluded.removed_at, kv_due = excluded.kv_due`

/** In one transaction, so that KV is never forgotten: its deletes are worked off at their own pace. */
export async function deleteOld(db: D1Database, old: readonly Old[], before: number, now: number): Promise<number> {
  if (old.length === 0) return 0
  const idsOf = (some: readonly Old[]) => JSON.stringify(some.map(({ task_id }) => task_id))
  const lasting = idsOf(old.filter(({ expires }) => !expires))
  const results = await onDatabase(db, () =>
    db.batch([
      db.prepare(OWE_TO_KV).bind(lasting, before * 1000, now),
      db.prepare(`DELETE FROM snapshots WHERE ${IS_OLD} RETURNING 1`).bind(idsOf(old), before * 1000),
    ]),
  )
  return results[1]!.results.length // `meta.changes` counts what triggers write, too
}

/** A value whose end in KV is not what RETENTION_DAYS says now is put there again. ?3: 0 where values have no end. */
const FIND_WRONG_END = `
  SELECT place, task_id, status <> 'pending' AND publish_at IS NULL AND kv_until IS NOT NULL
    AND (?3 = 0 OR kv_until < (place / 1000) + ?3) AS is_wrong FROM snapshots
  WHERE place > ?1 ORDER BY place LIMIT ?2`

const OWE_ROWS_TO_KV = `
  UPDATE snapshots SET kv_due = ?2, unpublished_since = ?2
  WHERE task_id IN (SELECT value FROM json_each(?1)) AND publish_at IS NULL AND status <> 'pending'`

/**
 * Owes values to KV again that would expire too early, among the first rows behind the place `after`; the place to go on
 * behind, `undefined` at the end.
 */
export async function extendInKv(
  db: D1Database,
  after: number,
  retentionMs: number,
  now: number,
  limit: number,
): Promise<number | undefined> {
  const find = db.prepare(FIND_WRONG_END).bind(after, limit, retentionMs)
  const { results } = await onDatabase(db, () => find.all<{ place: number; task_id: string; is_wrong: number }>())
  const wrong = results.filter(({ is_wrong }) => is_wrong === 1).map(({ task_id }) => task_id)
  if (wrong.length > 0) {
    await onDatabase(db, () => db.prepare(OWE_ROWS_TO_KV).bind(JSON.stringify(wrong), now).run())
  }
  return results.length === limit ? results.at(-1)!.place : undefined
}

/** A row that lost to another one late is as old as that. */
const DELETE_OLD_ENTRIES = `
  DELETE FROM quarantine WHERE rowid IN (
    SELECT rowid FROM quarantine WHERE received_at < ?1 AND (kept_at IS NULL OR kept_at < ?1)
    ORDER BY received_at LIMIT ${SLICE})`

/** Writing keeps to the bound: what an older version has left over goes here. What was answered 202 has no bound. */
const FIND_TOO_MANY = `
  SELECT reason, count - ${MOST_ENTRIES_A_REASON} AS excess FROM quarantine_counts WHERE count > ${MOST_ENTRIES_A_REASON}`
const DELETE_TOO_MANY = `
  DELETE FROM quarantine WHERE rowid IN (
    SELECT rowid FROM quarantine WHERE reason = ?1 AND acknowledged IS NULL ORDER BY received_at LIMIT ?2)`

export async function purgeQuarantine(db: D1Database, now: number): Promise<number> {
  const old = db.prepare(DELETE_OLD_ENTRIES).bind(now - QUARANTINE_DAYS * MS_A_DAY)
  let gone = await inSlices(() => changesOf(db, old))
  const { results } = await onDatabase(db, () => db.prepare(FIND_TOO_MANY).all<{ reason: string; excess: number }>())
  for (const { reason, excess } of results) {
    gone += await changesOf(db, db.prepare(DELETE_TOO_MANY).bind(reason, Math.min(excess, MOST_SLICES * SLICE)))
  }
  return gone
}

/** A row of the version before may name a time beyond any secret's life: it goes with the last one that matters. */
const PURGE_LEDGER = `
  DELETE FROM ledger WHERE signature IN (
    SELECT signature FROM ledger
    WHERE signature >= ?1 AND signature < ?2 AND seen_at < ?3
      AND (latest_claim < ?4 OR seen_at < ?4 - ${SECRET_LIFE_MS}) LIMIT ${LEDGER_SLICE})`

/** `settle` refuses what is older, whatever SIGNATURE_TOLERANCE_SECONDS becomes: its signature may be gone. */
const NOTE_PURGED = `
  INSERT INTO state (name, value, changed_at) SELECT 'ledger_purged', '', ?1 WHERE changes() > 0
  ON CONFLICT (name) DO UPDATE SET changed_at = excluded.changed_at WHERE changed_at < excluded.changed_at`

/**
 * A signature goes once nothing that was signed with it can come again: every timestamp that its characters can be
 * split into, within a secret's life, is stale.
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
  const [purged] = await onDatabase(db, () =>
    db.batch([
      db.prepare(PURGE_LEDGER).bind(prefix, `${prefix}g`, seenBefore, stale),
      db.prepare(NOTE_PURGED).bind(stale),
    ]),
  )
  return purged!.meta.changes
}

/** How many slices go in a minute: what is left goes in the next ones. */
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
