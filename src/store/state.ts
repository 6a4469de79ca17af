/** What is known of the parts that D1 cannot count, and what the last callbacks were like. A row for each. */
import { onDatabase } from './database.ts'
import { REASONS, type Reason } from './quarantine.ts'

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

export async function asideState(db: D1Database): Promise<AsideState> {
  return asideStateIn(await findState(db, 'aside'))
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

/** How many there are; of more than are counted, at least so many. */
export type Count = { count: number; exact: boolean }

/** Times in milliseconds. */
export type Overview = {
  /** Records whose event is not sent, and records that only KV lacks. */
  unsent: Count & { oldest: number | null }
  notInKv: Count & { oldest: number | null }
  pending: Count
  quarantined: Record<Reason, Count>
  /** `with_path_token` is unknown of what came before it was noted. */
  lastCallback: { at: number; withPathToken: boolean | null } | undefined
  lastRefusals: Record<string, number>
}

/** Counting reads what it counts: all of it together stays under 200 rows. */
const MOST_UNPUBLISHED = 30
const MOST_PENDING = 20
const MOST_A_REASON = 9
/** Where the newest rows are all pending, the last callback is not looked for any further. */
const LOOKED_AT = 10

const count = (rows: string) => `SELECT count(*) AS count FROM (${rows})`

const UNPUBLISHED = `
  SELECT count(*) AS count, min(unpublished_since) AS oldest FROM (
    SELECT unpublished_since FROM snapshots WHERE publish_at IS NOT NULL AND event_sent = ?1
    ORDER BY publish_at LIMIT ${MOST_UNPUBLISHED + 1})`
const PENDING = count(
  `SELECT 1 FROM snapshots WHERE status <> 'completed' AND status = 'pending' LIMIT ${MOST_PENDING + 1}`,
)
const QUARANTINED = count(`SELECT 1 FROM quarantine WHERE reason = ?1 LIMIT ${MOST_A_REASON + 1}`)
const LAST_STORED = `
  SELECT max(received_at) AS at FROM (
    SELECT received_at, via FROM snapshots WHERE place < ?1 ORDER BY place DESC LIMIT ${LOOKED_AT})
  WHERE via = 'callback'`
const LAST_NOTED = `SELECT name, value, changed_at FROM state WHERE name IN ('callback') OR name BETWEEN 'refusal:' AND 'refusal;'`

/** How all is going, in one batch that reads at most 200 rows. Throws when D1 does not answer. */
export async function overview(db: D1Database): Promise<Overview> {
  const results = await onDatabase(db, () =>
    db.batch([
      db.prepare(UNPUBLISHED).bind(0),
      db.prepare(UNPUBLISHED).bind(1),
      db.prepare(PENDING),
      db.prepare(LAST_STORED).bind(Number.MAX_SAFE_INTEGER),
      db.prepare(LAST_NOTED),
      ...REASONS.map((reason) => db.prepare(QUARANTINED).bind(reason)),
    ]),
  )
  const [unsent, notInKv, pending, stored, noted, ...quarantined] = results.map(({ results: rows }) => rows) as [
    [Counted],
    [Counted],
    [Counted],
    [{ at: number | null }],
    Noted[],
    ...[Counted][],
  ]
  const lastNoted = noted.find(({ name }) => name === 'callback')
  const at = Math.max(stored[0].at ?? 0, lastNoted?.changed_at ?? 0)
  const refusals = noted.filter(({ name }) => name !== 'callback')
  return {
    unsent: waiting(unsent[0]),
    notInKv: waiting(notInKv[0]),
    pending: counted(pending[0].count, MOST_PENDING),
    quarantined: Object.fromEntries(
      REASONS.map((reason, n) => [reason, counted(quarantined[n]![0].count, MOST_A_REASON)]),
    ) as Record<Reason, Count>,
    lastCallback: at === 0 ? undefined : { at, withPathToken: lastNoted ? lastNoted.value === 'true' : null },
    lastRefusals: Object.fromEntries(refusals.map(({ name, changed_at }) => [name.split(':')[1], changed_at])),
  }
}

type Counted = { count: number; oldest: number | null }
type Noted = { name: string; value: string; changed_at: number }

function waiting({ count: found, oldest }: Counted) {
  return { ...counted(found, MOST_UNPUBLISHED), oldest }
}

function counted(found: number, most: number): Count {
  return { count: Math.min(found, most), exact: found <= most }
}
