/** What D1 cannot count, and what was told or noted last: a row of `state` for each. Written here, and read for health. */
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

/** Counts begin again with another version. `run` ends the same addition twice, where D1 is asked to repeat it. */
const NOTE_ACCEPTED = `
  INSERT INTO state (name, value, changed_at)
  VALUES (?1, json_object('version', ?2, 'callbacks', ?3, 'results', ?4, 'run', ?5), ?6)
  ON CONFLICT (name) DO UPDATE SET changed_at = max(changed_at, excluded.changed_at), value = CASE
    WHEN value ->> '$.version' = ?2 THEN json_set(value, '$.run', ?5,
      '$.callbacks', (value ->> '$.callbacks') + ?3, '$.results', (value ->> '$.results') + ?4)
    ELSE excluded.value END
  WHERE value ->> '$.run' <> ?5`

/** One row written, or none where nothing has changed. */
async function note(db: D1Database, how: string, name: string, value: string, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(how).bind(name, value, now).run())
}

/** The highest place that was given: whoever deletes rows notes it before, in the same transaction. */
export function noteLastPlace(db: D1Database): D1PreparedStatement {
  return db.prepare(`
    INSERT INTO state (name, value, changed_at) SELECT 'last_place', '', place FROM snapshots
    WHERE place > 0 ORDER BY place DESC LIMIT 1
    ON CONFLICT (name) DO UPDATE SET changed_at = excluded.changed_at WHERE changed_at < excluded.changed_at`)
}

/** Callbacks in ASIDE when it was last listed; no more than a list shows. */
export type AsideState = { waiting: number; poison: number }

const NOTE_ASIDE = `
  INSERT INTO state (name, value, changed_at) VALUES ('aside', ?1, ?2)
  ON CONFLICT (name) DO UPDATE SET value = json_patch(value, ?1), changed_at = ?2
  WHERE json_patch(value, ?1) <> value`

export async function noteAside(db: D1Database, counts: Partial<AsideState>, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(NOTE_ASIDE).bind(JSON.stringify(counts), now).run())
}

/** There is some poison: how much, the hourly run through it tells. */
export async function notePoisonFound(db: D1Database, now: number): Promise<void> {
  const sql = `
    INSERT INTO state (name, value, changed_at) VALUES ('aside', '{"poison":1}', ?1)
    ON CONFLICT (name) DO UPDATE SET value = json_patch(value, '{"poison":1}'), changed_at = ?1
    WHERE coalesce(value ->> '$.poison', 0) = 0`
  await onDatabase(db, () => db.prepare(sql).bind(now).run())
}

/** What ALERT_URL was told last. What is not known yet is no news. */
export type AlertState = {
  /** Its status and parts. */
  verdict: string
  /** When the verdict was told, in milliseconds. */
  at: number
  /** The place of the last task that failed. */
  failure?: number | undefined
  hasQuarantine?: boolean | undefined
}

export async function noteAlert(db: D1Database, state: AlertState, now: number): Promise<void> {
  await note(db, NOTE_CHANGE, 'alert', JSON.stringify(state), now)
}

export async function noteCallback(db: D1Database, withPathToken: boolean, now: number): Promise<void> {
  await note(db, NOTE_LAST, 'callback', String(withPathToken), now)
}

export async function noteRefusal(db: D1Database, code: string, now: number): Promise<void> {
  await note(db, NOTE_LAST, `refusal:${code}`, '', now)
}

/** How many kept callbacks were accepted, and how many results these brought: a task has several, ZEGOCLOUD's attempts. */
export type Accepted = { callbacks: number; results: number }

/** Kept callbacks of a reason that this version of the Worker has accepted: a refusal before that is no news. */
export async function noteAccepted(
  db: D1Database,
  reason: string,
  { callbacks, results }: Accepted,
  version: number,
  now: number,
): Promise<void> {
  const values = [`accepted_again:${reason}`, version, callbacks, results, crypto.randomUUID(), now]
  await onDatabase(db, () =>
    db
      .prepare(NOTE_ACCEPTED)
      .bind(...values)
      .run(),
  )
}

export type NoteRow = { name: string; value: string; changed_at: number }

/** Times in milliseconds. */
export type Notes = {
  aside: AsideState & { since: number }
  lastCallback: { at: number; withPathToken: boolean } | undefined
  /** By code, when a callback was last refused. */
  lastRefusals: Record<string, number>
  /** By reason, which kept callbacks were accepted later. */
  acceptedAgain: Record<string, Accepted & { at: number }>
  told: AlertState | undefined
}

/** What the rows of `state` say. */
export function readNotes(rows: readonly NoteRow[]): Notes {
  const noted = new Map(rows.map((row) => [row.name, row]))
  const [aside, callback, alert] = ['aside', 'callback', 'alert'].map((name) => noted.get(name))
  return {
    aside: {
      waiting: 0,
      poison: 0,
      ...(JSON.parse(aside?.value ?? '{}') as Partial<AsideState>),
      since: aside?.changed_at ?? 0,
    },
    lastCallback: callback && { at: callback.changed_at, withPathToken: callback.value === 'true' },
    lastRefusals: mapNamed(rows, 'refusal:', ({ changed_at }) => changed_at),
    acceptedAgain: mapNamed(rows, 'accepted_again:', ({ value, changed_at }) => {
      const { callbacks, results } = JSON.parse(value) as Accepted
      return { callbacks, results, at: changed_at }
    }),
    told: alert && (JSON.parse(alert.value) as AlertState),
  }
}

/** By what follows the prefix in their names. */
function mapNamed<Value>(rows: readonly NoteRow[], prefix: string, map: (row: NoteRow) => Value) {
  const named = rows.filter(({ name }) => name.startsWith(prefix))
  return Object.fromEntries(named.map((row) => [row.name.slice(prefix.length), map(row)]))
}
