/** What ALERT_URL was told last, and what tells whether there is news. */
import { onDatabase } from './database.ts'

export type AlertState = {
  /** The status and the parts of the health verdict. */
  verdict: string
  /** When it was told, in milliseconds. */
  at: number
  /** The place of the last task that failed. */
  failure: number
  hasQuarantine: boolean
}

const FIND = 'SELECT value FROM state WHERE name = ?1'

/** `undefined` where nothing was told yet. */
export async function alertState(db: D1Database): Promise<AlertState | undefined> {
  const row = await onDatabase(db, () => db.prepare(FIND).bind('alert').first<{ value: string }>())
  return row === null ? undefined : (JSON.parse(row.value) as AlertState)
}

const NOTE = `
  INSERT INTO state (name, value, changed_at) VALUES (?1, ?2, ?3)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at
  WHERE value <> excluded.value`

/** Writes only what has changed. */
export async function noteAlert(db: D1Database, state: AlertState, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(NOTE).bind('alert', JSON.stringify(state), now).run())
}

/** Where this Worker is reached, for the link in an alert. */
export async function noteOrigin(db: D1Database, origin: string, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(NOTE).bind('origin', origin, now).run())
}

export async function originOf(db: D1Database): Promise<string | undefined> {
  const row = await onDatabase(db, () => db.prepare(FIND).bind('origin').first<{ value: string }>())
  return row?.value
}

/** `status <> 'completed'` lets SQLite use the partial index. */
const LAST_FAILURE = `SELECT max(place) AS place FROM snapshots WHERE status <> 'completed' AND status = 'failed'`

export async function lastFailure(db: D1Database): Promise<number> {
  const row = await onDatabase(db, () => db.prepare(LAST_FAILURE).first<{ place: number | null }>())
  return row?.place ?? 0
}
