/** What is known of how all is. Counting reads what it counts: the judgement needs few rows, however much waits. */
import { onDatabase } from './database.ts'
import { MOST_ENTRIES_A_REASON, MOST_LARGE_BYTES, REASONS, type Reason } from './quarantine.ts'
import { asideStateIn } from './state.ts'

/** Up to `MOST_COUNTED` it is exact; beyond, there are more. */
export type Count = { count: number; exact: boolean }

export type Full = { since: number; onlyOfLarge: boolean }

/** Times in milliseconds; `null` where nothing is known. */
export type Facts = {
  /** Since when the oldest event has waited for the queue, and the oldest record that only KV lacks. */
  oldestEvent: number | null
  oldestForKv: number | null
  /** Whether KV has refused a record for good. */
  isAnyRefusedByKv: boolean
  /** Callbacks in ASIDE when it was last listed: those that wait for D1, and those that D1 itself refuses. */
  aside: { waiting: number; poison: number; since: number }
  /** `full`: since when no more are kept, or no more large ones. */
  quarantined: Record<Reason, Count & { full: Full | null }>
  /** `withPathToken` is unknown of a callback that only its record tells of. */
  lastCallback: { at: number; withPathToken: boolean | null } | undefined
  /** By code, when a callback was last refused. */
  lastRefusals: Record<string, number>
  /** How many callbacks of the quarantine were accepted by themselves, and when. */
  acceptedAgain: { count: number; at: number } | undefined
}

const LOOKED_AT = 30

/**
 * Since when the oldest waits, of those due first and of those due last: what fails again and again is due later each
 * time, so the oldest is among these.
 */
const OLDEST = (eventSent: 0 | 1) => {
  const some = (order: 'ASC' | 'DESC') => `
    SELECT * FROM (SELECT unpublished_since FROM snapshots WHERE publish_at IS NOT NULL AND event_sent = ${eventSent}
    ORDER BY publish_at ${order} LIMIT ${LOOKED_AT})`
  return `(SELECT min(unpublished_since) FROM (${some('ASC')} UNION ALL ${some('DESC')}))`
}

/** Where the newest rows are all pending, the last callback is not looked for any further. */
const LAST_STORED = `
  (SELECT received_at FROM (SELECT received_at, via FROM snapshots WHERE place < ${Number.MAX_SAFE_INTEGER}
    ORDER BY place DESC LIMIT 10)
   WHERE via = 'callback' LIMIT 1)`

const REFUSED = `SELECT 1 FROM snapshots WHERE kv_refused IS NOT NULL AND place > 0`

const LOOK = `
  SELECT ${OLDEST(0)} AS oldestEvent, ${OLDEST(1)} AS oldestForKv, EXISTS (${REFUSED}) AS refused, ${LAST_STORED} AS stored`

type Looked = { oldestEvent: number | null; oldestForKv: number | null; refused: number; stored: number | null }
type Kept = { reason: Reason; count: number; large_bytes: number }
type Noted = { name: string; value: string; changed_at: number }

/** One call of D1, of some 20 rows while nothing waits. Throws when D1 cannot answer. */
export async function look(db: D1Database): Promise<Facts> {
  const [looked, noted, quarantined] = await onDatabase(db, async () => {
    const results = await db.batch([
      db.prepare(LOOK),
      db.prepare('SELECT name, value, changed_at FROM state'),
      db.prepare('SELECT reason, count, large_bytes FROM quarantine_counts'),
    ])
    return results.map((result) => result.results) as [[Looked], Noted[], Kept[]]
  })
  const { oldestEvent, oldestForKv, refused, stored } = looked[0]
  const notes = new Map(noted.map((note) => [note.name, note]))
  return {
    oldestEvent,
    oldestForKv,
    isAnyRefusedByKv: refused === 1,
    aside: asideOf(notes.get('aside')),
    quarantined: countsOf(quarantined, (reason) => notes.get(`full:${reason}`)?.changed_at),
    lastCallback: lastCallbackOf(notes.get('callback'), stored),
    lastRefusals: Object.fromEntries(
      noted
        .filter(({ name }) => name.startsWith('refusal:'))
        .map(({ name, changed_at }) => [name.slice('refusal:'.length), changed_at]),
    ),
    acceptedAgain: acceptedAgainOf(notes.get('accepted_again')),
  }
}

function asideOf(note: Noted | undefined): Facts['aside'] {
  return { ...asideStateIn(note?.value), since: note?.changed_at ?? 0 }
}

function acceptedAgainOf(note: Noted | undefined): Facts['acceptedAgain'] {
  return note && { count: (JSON.parse(note.value) as { count: number }).count, at: note.changed_at }
}

function lastCallbackOf(note: Noted | undefined, stored: number | null): Facts['lastCallback'] {
  const at = Math.max(note?.changed_at ?? 0, stored ?? 0)
  return at === 0 ? undefined : { at, withPathToken: note ? note.value === 'true' : null }
}

function countsOf(kept: readonly Kept[], sinceFull: (reason: Reason) => number | undefined): Facts['quarantined'] {
  const byReason = new Map(kept.map((one) => [one.reason, one]))
  return Object.fromEntries(
    REASONS.map((reason) => {
      const one = byReason.get(reason) ?? { reason, count: 0, large_bytes: 0 }
      return [reason, { ...counted(one.count), full: fullOf(one, sinceFull(reason)) }]
    }),
  ) as Facts['quarantined']
}

function fullOf({ count, large_bytes }: Kept, since: number | undefined): Full | null {
  const onlyOfLarge = count < MOST_ENTRIES_A_REASON
  if (since === undefined || (onlyOfLarge && large_bytes < MOST_LARGE_BYTES)) return null
  return { since, onlyOfLarge }
}

/** Also as many as the quarantine has of one reason, of what was not answered 202. */
const MOST_COUNTED = 1_000

function counted(count: number): Count {
  return { count: Math.min(count, MOST_COUNTED), exact: count <= MOST_COUNTED }
}

/** What only a page and `/v1/status` show. */
export type Counts = { unsent: Count; notInKv: Count; refusedByKv: Count; pending: Count }

const COUNT = (rows: string) => `(SELECT count(*) FROM (${rows} LIMIT ${MOST_COUNTED + 1}))`
const UNPUBLISHED = (eventSent: 0 | 1) =>
  COUNT(`SELECT 1 FROM snapshots WHERE publish_at IS NOT NULL AND event_sent = ${eventSent}`)
const COUNT_ALL = `
  SELECT ${UNPUBLISHED(0)} AS unsent, ${UNPUBLISHED(1)} AS notInKv, ${COUNT(REFUSED)} AS refusedByKv,
    ${COUNT(`SELECT 1 FROM snapshots WHERE status <> 'completed' AND status = 'pending'`)} AS pending`

/** Reads what it counts, by an index. Throws when D1 cannot answer. */
export async function countAll(db: D1Database): Promise<Counts> {
  const row = await onDatabase(db, () => db.prepare(COUNT_ALL).first<Record<keyof Counts, number>>())
  return Object.fromEntries(Object.entries(row!).map(([name, count]) => [name, counted(count)])) as Counts
}

const LAST_FAILURE = `SELECT max(place) AS place FROM snapshots WHERE status <> 'completed' AND status = 'failed'`

/** The place of the last task that failed. `status <> 'completed'` lets SQLite use the partial index. */
export async function lastFailure(db: D1Database): Promise<number> {
  const row = await onDatabase(db, () => db.prepare(LAST_FAILURE).first<{ place: number | null }>())
  return row?.place ?? 0
}
