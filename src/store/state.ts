/** What D1 cannot count, and what was told or noted last: a row of `state` for each. */
import { onDatabase } from './database.ts'

/** `changed_at` is when the value became what it is. */
const NOTE_CHANGE = `
  INSERT INTO state (name, value, changed_at) VALUES (?1, ?2, ?3)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at
  WHERE value <> excluded.value`

/** `changed_at` is when it happened last. */
const NOTE_LAST = `
  INSERT INTO state (name, value, changed_at) VALUES (?1, ?2, ?3)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at
  WHERE changed_at < excluded.changed_at`

/** One row written, or none where nothing has changed. */
async function note(db: D1Database, how: string, name: string, value: string, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(how).bind(name, value, now).run())
}

async function find(db: D1Database, name: string): Promise<string | undefined> {
  const state = db.prepare('SELECT value FROM state WHERE name = ?1').bind(name)
  return (await onDatabase(db, () => state.first<{ value: string }>()))?.value
}

/** Callbacks in ASIDE when it was last listed; no more than a list shows. */
export type AsideState = { waiting: number; poison: number }

export async function noteAside(db: D1Database, state: AsideState, now: number): Promise<void> {
  await note(db, NOTE_CHANGE, 'aside', JSON.stringify(state), now)
}

/** The first version wrote `parked`. */
export function asideStateIn(value: string | undefined): AsideState {
  return { waiting: 0, poison: 0, ...(JSON.parse(value ?? '{}') as Partial<AsideState>) }
}

/** What ALERT_URL was told last, and what tells whether there is news. */
export type AlertState = {
  /** The status and the parts of the health verdict. */
  verdict: string
  /** When it was told, in milliseconds. */
  at: number
  /** The place of the last task that failed. */
  failure: number
  hasQuarantine: boolean
}

/** `undefined` where nothing was told yet. */
export async function alertState(db: D1Database): Promise<AlertState | undefined> {
  const value = await find(db, 'alert')
  return value === undefined ? undefined : (JSON.parse(value) as AlertState)
}

export async function noteAlert(db: D1Database, state: AlertState, now: number): Promise<void> {
  await note(db, NOTE_CHANGE, 'alert', JSON.stringify(state), now)
}

/** Where this Worker is reached, for the link in an alert. */
export async function noteOrigin(db: D1Database, origin: string, now: number): Promise<void> {
  await note(db, NOTE_CHANGE, 'origin', origin, now)
}

export async function originOf(db: D1Database): Promise<string | undefined> {
  return find(db, 'origin')
}

export async function noteCallback(db: D1Database, withPathToken: boolean, now: number): Promise<void> {
  await note(db, NOTE_LAST, 'callback', String(withPathToken), now)
}

export async function noteRefusal(db: D1Database, code: string, now: number): Promise<void> {
  await note(db, NOTE_LAST, `refusal:${code}`, '', now)
}

const NOTE_ACCEPTED = `
  INSERT INTO state (name, value, changed_at) VALUES ('accepted_again', json_object('version', ?1, 'count', ?2), ?3)
  ON CONFLICT (name) DO UPDATE SET changed_at = excluded.changed_at, value = CASE
    WHEN value ->> '$.version' = ?1 THEN json_set(value, '$.count', (value ->> '$.count') + ?2)
    ELSE excluded.value END`

/** How many callbacks of the quarantine this version of the Worker has accepted by itself. */
export async function noteAccepted(db: D1Database, count: number, version: string, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(NOTE_ACCEPTED).bind(version, count, now).run())
}
