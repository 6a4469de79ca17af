/**
 * What is too old goes, some of it each minute: every statement reads and deletes a bounded number of rows, by an index.
 *
 * Results and the ledger only with RETENTION_DAYS; the quarantine always.
 */
import { SECRET_LIFE_MS } from '../callback/signature.ts'
import { log } from '../log.ts'
import { isFault, MS_A_DAY, retentionDaysOf, type Settings } from '../settings.ts'
import { onDatabase } from './database.ts'
import { noteLastPlace } from './state.ts'

const QUARANTINE_DAYS = 30

/**
 * The ledger keeps a signature at least that long after it was seen, and after each time that it can claim. A callback
 * that was refused by mistake can be looked at again within these days, and nothing that it could repeat is forgotten.
 */
const LEAST_LEDGER_DAYS = 2

/** A minute's results are fewer: ZEGOCLOUD sends 20 tasks a second at most. */
const MOST_RESULTS = 2_500
const MOST_ENTRIES = 500
const MOST_SIGNATURES = 5_000

/** SQLite reads each page of a row that it deletes: more bytes would not be done within D1's deadline. */
const MOST_BYTES = 50_000_000

/** The ledger is walked by the first three digits of its signatures: once in three days, a step a minute. */
export const LEDGER_STEPS = 4_096

/**
 * What may go now, in milliseconds: results that were stored, signatures that were seen and entries that were received
 * before; of the ledger, those signatures that begin so.
 */
export function purgeBounds(settings: Settings, minute: number, now: number) {
  const days = retentionDaysOf(settings)
  const before = (least: number) => (days === 0 ? 0 : now - Math.max(days, least) * MS_A_DAY)
  return {
    results: before(0),
    signatures: before(LEAST_LEDGER_DAYS),
    entries: now - QUARANTINE_DAYS * MS_A_DAY,
    prefix: (minute % LEDGER_STEPS).toString(16).padStart(3, '0'),
  }
}

/** The parts of the purge. None depends on another. */
export function purges(db: D1Database, settings: Settings, minute: number, now: number) {
  const { results, signatures, entries, prefix } = purgeBounds(settings, minute, now)
  const { toleranceSeconds: tolerance } = settings
  const logged = (what: string, purge: () => Promise<number>) => async () => {
    const rows = await purge()
    if (rows > 0) log('info', 'purge.done', { what, rows })
  }
  const isLedgerKept = signatures === 0 || isFault(tolerance) || tolerance === 0
  return {
    'purge quarantine': logged('quarantine', () => purgeQuarantine(db, entries)),
    ...(!isLedgerKept && {
      'purge ledger': logged('ledger', () => purgeLedger(db, prefix, signatures, now - tolerance * 1000)),
    }),
    ...(results > 0 && { 'purge snapshots': logged('snapshots', () => purgeResults(db, results, minute, now)) }),
  }
}

/** ?1 is a place: what was stored before it is old. ?2 is where to begin, from 0, the oldest result, to 1, that place. */
const OLD_RESULTS = `
  SELECT place FROM (
    SELECT place, may_go, sum(size) OVER (ORDER BY place) AS total FROM (
      SELECT place, octet_length(record) AS size, publish_at IS NULL AND status <> 'pending' AS may_go FROM snapshots
      WHERE place >= (SELECT min(place) + ?2 * (?1 - min(place)) FROM snapshots) AND place < ?1
      ORDER BY place LIMIT ${MOST_RESULTS}))
  WHERE may_go AND total <= ${MOST_BYTES}`

/** A value that expires by ?4 leaves KV by itself. */
const OWE_TO_KV = `
  INSERT INTO removals (task_id, content, removed_at, kv_due)
  SELECT task_id, '', ?3, ?3 FROM snapshots WHERE place IN (${OLD_RESULTS}) AND coalesce(kv_until > ?4, true)
  ON CONFLICT (task_id, content) DO UPDATE SET removed_at = excluded.removed_at, kv_due = excluded.kv_due`

const DELETE_OLD_RESULTS = `DELETE FROM snapshots WHERE place IN (${OLD_RESULTS}) RETURNING 1`

/** KV ends a value to the second, some time later. */
const SOON_MS = 120_000

/**
 * Deletes published results that were stored before a time, and owes to KV what does not expire there: in one
 * transaction, so that KV is never forgotten. Each other minute begins anywhere, so that many results that cannot go
 * yet hold up none of those behind them.
 */
async function purgeResults(db: D1Database, before: number, minute: number, now: number): Promise<number> {
  const begin = minute % 2 === 0 ? Math.random() : 0
  const results = await onDatabase(db, () =>
    db.batch([
      noteLastPlace(db),
      db.prepare(OWE_TO_KV).bind(before * 1000, begin, now, now + SOON_MS),
      db.prepare(DELETE_OLD_RESULTS).bind(before * 1000, begin),
    ]),
  )
  return results.at(-1)!.results.length // `meta.changes` counts what triggers write, too
}

/** A row that lost to another one late is as old as that. The first one goes however large it is. */
const DELETE_OLD_ENTRIES = `
  DELETE FROM quarantine WHERE rowid IN (
    SELECT id FROM (
      SELECT id, size, sum(size) OVER (ORDER BY received_at, id) AS total FROM (
        SELECT rowid AS id, received_at, octet_length(body) AS size FROM quarantine
        WHERE received_at < ?1 AND (kept_at IS NULL OR kept_at < ?1) ORDER BY received_at LIMIT ${MOST_ENTRIES}))
    WHERE total <= ${MOST_BYTES} OR total = size)
  RETURNING 1`

async function purgeQuarantine(db: D1Database, before: number): Promise<number> {
  const purge = db.prepare(DELETE_OLD_ENTRIES).bind(before)
  return (await onDatabase(db, () => purge.all())).results.length
}

/**
 * A signature stays as long as the quarantine has an entry of it, which may be looked at again. A row of the version
 * before may name a time beyond any secret's life: it goes with the last one that matters.
 */
const PURGE_LEDGER = `
  DELETE FROM ledger WHERE signature IN (
    SELECT signature FROM ledger
    WHERE signature >= ?1 AND signature < ?2 AND seen_at < ?3
      AND (latest_claim < ?4 OR seen_at < ?4 - ${SECRET_LIFE_MS})
      AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.signature = ledger.signature)
    LIMIT ${MOST_SIGNATURES})
  RETURNING 1`

/** Whether the ledger had, at a time, every signature that was used and claims this one. In milliseconds. */
export function ledgerReachesBack(claim: number | undefined, at: number): boolean {
  return claim !== undefined && claim > at - LEAST_LEDGER_DAYS * MS_A_DAY
}

/** `settle` refuses what claims an older time, whatever SIGNATURE_TOLERANCE_SECONDS becomes: its signature may be gone. */
const NOTE_PURGED = `
  INSERT INTO state (name, value, changed_at) SELECT 'ledger_purged', '', ?1 WHERE changes() > 0
  ON CONFLICT (name) DO UPDATE SET changed_at = excluded.changed_at WHERE changed_at < excluded.changed_at`

/**
 * A signature goes once nothing that was signed with it can come again: every timestamp that its characters can be
 * split into, within a secret's life, is stale.
 * @param staleBefore the time before which a timestamp is stale now, in milliseconds
 */
async function purgeLedger(db: D1Database, prefix: string, seenBefore: number, staleBefore: number): Promise<number> {
  const claimedBefore = staleBefore - LEAST_LEDGER_DAYS * MS_A_DAY
  const [purged] = await onDatabase(db, () =>
    db.batch([
      db.prepare(PURGE_LEDGER).bind(prefix, `${prefix}g`, seenBefore, claimedBefore),
      db.prepare(NOTE_PURGED).bind(claimedBefore),
    ]),
  )
  return purged!.results.length
}
