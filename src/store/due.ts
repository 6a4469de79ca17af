/** One query a minute: which kinds of queued work are due. */
import type { Settings } from '../settings.ts'
import { onDatabase } from './database.ts'
import { purgeBounds } from './purge.ts'
import { lookIsDue } from './quarantine.ts'
import { MIGRATIONS } from './schema.ts'
import type { AsideState } from './state.ts'

/** ?1 is now, ?2 the names of the migrations, ?3 appids, ?4 the version. What is older than ?5 to ?7 goes. */
const FIND_DUE = `
  SELECT
    (SELECT count(*) FROM d1_migrations WHERE name IN (SELECT value FROM json_each(?2))) < json_array_length(?2) AS schema,
    EXISTS (SELECT 1 FROM snapshots WHERE publish_at IS NOT NULL AND event_sent = 0 AND publish_at <= ?1) AS event,
    EXISTS (SELECT 1 FROM snapshots WHERE publish_at IS NOT NULL AND event_sent = 1 AND publish_at <= ?1) AS kv,
    EXISTS (SELECT 1 FROM json_each(?3) AS app WHERE
      EXISTS (SELECT 1 FROM snapshots WHERE status = 'pending' AND ask_app = app.value AND ask_due <= ?1)
      OR EXISTS (SELECT 1 FROM quarantine WHERE quarantine.ask_app = app.value AND quarantine.ask_due <= ?1)) AS poll,
    EXISTS (SELECT 1 FROM removals WHERE kv_due <= ?1) AS removals,
    ${lookIsDue('?4', '?1')} AS again,
    EXISTS (SELECT 1 FROM snapshots WHERE place < ?5 * 1000 AND publish_at IS NULL AND status <> 'pending')
      OR EXISTS (SELECT 1 FROM ledger WHERE signature >= ?8 AND signature < ?8 || 'g' AND seen_at < ?6)
      OR EXISTS (SELECT 1 FROM quarantine WHERE received_at < ?7 AND coalesce(kept_at, 0) < ?7) AS purge,
    (SELECT value FROM state WHERE name = 'aside') AS aside`

/** What decides what is due, besides the time. */
type DueOptions = {
  settings: Settings
  /** The apps that ZEGOCLOUD can be asked about. */
  appids: readonly string[]
  /** The version of the Worker that runs. */
  version: number
  /** Of the clock: the ledger is walked by it. */
  minute: number
}

export type Due = Record<'schema' | 'event' | 'kv' | 'poll' | 'removals' | 'again' | 'purge', boolean> & {
  /** Callbacks in ASIDE when it was last listed. */
  aside: AsideState
}

/** Throws when D1 does not answer. */
export async function findDue(db: D1Database, options: DueOptions, now: number): Promise<Due> {
  const { settings, appids, version, minute } = options
  const { results, signatures, entries, prefix } = purgeBounds(settings, minute, now)
  const migrations = MIGRATIONS.map(({ name }) => name)
  const find = db
    .prepare(FIND_DUE)
    .bind(now, JSON.stringify(migrations), JSON.stringify(appids), version, results, signatures, entries, prefix)
  const row = await onDatabase(db, () => find.first<Record<string, number> & { aside: string | null }>())
  const { aside, ...kinds } = row!
  const due = Object.fromEntries(Object.entries(kinds).map(([kind, isDue]) => [kind, isDue === 1]))
  const noted = JSON.parse(aside ?? '{}') as Partial<AsideState>
  return { ...(due as Omit<Due, 'aside'>), aside: { waiting: 0, poison: 0, ...noted } }
}
