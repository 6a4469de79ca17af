/** What is known of the parts that D1 cannot count, and what the last callbacks were like. A row for each. */
import { onDatabase } from './database.ts'

/** Callbacks in ASIDE when it was last listed; no more than a list shows. */
export type AsideState = { waiting: number; poison: number }

/** `changed_at` is when the value became what it is. */
const NOTE_CHANGE = `
  INSERT INTO state (name, value, changed_at) VALUES (?1, ?2, ?3)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at
  WHERE value <> excluded.value`

export async function noteAside(db: D1Database, state: AsideState, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(NOTE_CHANGE).bind('aside', JSON.stringify(state), now).run())
}

/** The first version wrote `parked`. */
export function asideStateIn(value: string | undefined): AsideState {
  return { waiting: 0, poison: 0, ...(JSON.parse(value ?? '{}') as Partial<AsideState>) }
}

/** The RETENTION_DAYS that the values in KV follow; `after` is the place reached while they are brought to it. */
export type RetentionState = { days: number; after?: number | undefined }

export async function retentionState(db: D1Database): Promise<RetentionState> {
  const value = await findState(db, 'retention')
  const state = JSON.parse(value ?? '0') as RetentionState | number // the version before wrote the days alone
  return typeof state === 'number' ? { days: state } : state
}

export async function noteRetention(db: D1Database, state: RetentionState, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(NOTE_CHANGE).bind('retention', JSON.stringify(state), now).run())
}

async function findState(db: D1Database, name: string): Promise<string | undefined> {
  const find = db.prepare('SELECT value FROM state WHERE name = ?1').bind(name)
  return (await onDatabase(db, () => find.first<{ value: string }>()))?.value
}

/** `changed_at` is when it happened last. */
const NOTE_LAST = `
  INSERT INTO state (name, value, changed_at) VALUES (?1, ?2, ?3)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at
  WHERE changed_at < excluded.changed_at`

/** One row written. */
export async function noteCallback(db: D1Database, withPathToken: boolean, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(NOTE_LAST).bind('callback', String(withPathToken), now).run())
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

/** One row written. */
export async function noteRefusal(db: D1Database, code: string, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(NOTE_LAST).bind(`refusal:${code}`, '', now).run())
}
