/** Health: what is known of the receiver, and one judgement of it for `/healthz`, `/v1/status`, alerts and the dashboard. */
import { isRefusalCode, REFUSALS } from '../callback/refusal.ts'
import { TEST_EVENT } from '../callback/snapshot.ts'
import { log, messageOf } from '../log.ts'
import { faultsOf, type Settings } from '../settings.ts'
import { onDatabase } from './database.ts'
import { isUnverified, MOST_ENTRIES_A_REASON, MOST_LARGE_BYTES, REASONS, type Reason } from './quarantine.ts'
import { type NoteRow, type Notes, readNotes } from './state.ts'

/** Up to `MOST_COUNTED` it is exact; beyond, there are more. */
export type Count = { count: number; exact: boolean }

/** Times in milliseconds; `null` where nothing is known. */
export type HealthFacts = Omit<Notes, 'lastCallback'> & {
  /** Since when the oldest event has waited for the queue, the oldest record for KV, and the oldest that only KV lacks. */
  oldestEvent: number | null
  oldestForKv: number | null
  oldestOnlyForKv: number | null
  /** Whether KV has refused a record for good. */
  isAnyRefusedByKv: boolean
  /** `full`: since when no more are kept, or no more large ones. */
  quarantined: Record<Reason, Count & { full: Full | null }>
  /** How many of these are doctor's own. */
  testEntries: number
  /** `withPathToken` is unknown of a callback that only its record tells of. */
  lastCallback: { at: number; withPathToken: boolean | null } | undefined
}

type Full = { since: number; onlyOfLarge: boolean }

/** Among how many the oldest is found: those that are due first, with the event sent or not. */
const MOST_DUE = 100

const selectFirstDue = (eventSent: 0 | 1) => `
  SELECT unpublished_since AS since, kv_due FROM snapshots
  WHERE publish_at IS NOT NULL AND event_sent = ${eventSent} ORDER BY publish_at LIMIT ${MOST_DUE}`

/** Where the newest rows are all pending, the last callback is not looked for any further. */
const LAST_STORED = `
  SELECT max(received_at) FROM (SELECT received_at, via FROM snapshots WHERE place < ${Number.MAX_SAFE_INTEGER}
    ORDER BY place DESC LIMIT 10)
  WHERE via = 'callback'`

const REFUSED = `SELECT 1 FROM snapshots WHERE kv_refused IS NOT NULL AND place > 0`

/** Doctor deletes its entries: they are among the newest. */
const TEST_ENTRIES = `
  SELECT count(*) FROM (SELECT event FROM quarantine
    WHERE received_at < ${Number.MAX_SAFE_INTEGER} ORDER BY received_at DESC LIMIT 20)
  WHERE event = '${TEST_EVENT}'`

const FACTS = `
  SELECT oldestEvent, oldestOnlyForKv,
    coalesce(min(oldestToo, oldestOnlyForKv), oldestToo, oldestOnlyForKv) AS oldestForKv,
    EXISTS (${REFUSED}) AS refused, (${LAST_STORED}) AS stored, (${TEST_ENTRIES}) AS testEntries
  FROM (SELECT min(since) AS oldestEvent, min(iif(kv_due IS NULL, NULL, since)) AS oldestToo FROM (${selectFirstDue(0)})),
    (SELECT min(since) AS oldestOnlyForKv FROM (${selectFirstDue(1)}))`

type FactsRow = Pick<HealthFacts, 'oldestEvent' | 'oldestForKv' | 'oldestOnlyForKv' | 'testEntries'> & {
  refused: number
  stored: number | null
}
type BucketRow = { bucket: string; count: number; last_at: number | null }

/** One call of D1, of some 20 rows while nothing waits. Throws when D1 cannot answer. */
async function readFacts(db: D1Database): Promise<HealthFacts> {
  const [[row], rows, counts] = await onDatabase(db, async () => {
    const results = await db.batch([
      db.prepare(FACTS),
      db.prepare('SELECT name, value, changed_at FROM state'),
      db.prepare('SELECT reason AS bucket, count, last_at FROM quarantine_counts'),
    ])
    return results.map((result) => result.results) as [[FactsRow], NoteRow[], BucketRow[]]
  })
  const { refused, stored, ...facts } = row
  const { lastCallback, ...notes } = readNotes(rows)
  const at = Math.max(lastCallback?.at ?? 0, stored ?? 0)
  return {
    ...facts,
    ...notes,
    isAnyRefusedByKv: refused === 1,
    lastCallback: at === 0 ? undefined : { at, withPathToken: lastCallback?.withPathToken ?? null },
    quarantined: countsOf(counts),
  }
}

/** What was answered 202 is counted apart, since it has no bound. Verified reasons are never full: the oldest goes. */
function countsOf(rows: readonly BucketRow[]): HealthFacts['quarantined'] {
  const buckets = new Map(rows.map((row) => [row.bucket, row]))
  const entries = REASONS.map((reason) => {
    const [bounded, large, unbounded] = ['', ':large', ':acknowledged'].map((kind) => buckets.get(`${reason}${kind}`))
    const isFull = (bounded?.count ?? 0) >= MOST_ENTRIES_A_REASON
    const full = isFull ? bounded : (large?.count ?? 0) >= MOST_LARGE_BYTES ? large : undefined
    const since = full && isUnverified(reason) ? { since: full.last_at ?? 0, onlyOfLarge: !isFull } : null
    return [reason, { ...counted((bounded?.count ?? 0) + (unbounded?.count ?? 0)), full: since }]
  })
  return Object.fromEntries(entries) as HealthFacts['quarantined']
}

/** Also as many as the quarantine has of one reason, of what was not answered 202. */
const MOST_COUNTED = 1_000

function counted(count: number): Count {
  return { count: Math.min(count, MOST_COUNTED), exact: count <= MOST_COUNTED }
}

/** What only a page and `/v1/status` show. `onlyNotInKv`: their event is sent. */
export type Counts = { unsent: Count; onlyNotInKv: Count; refusedByKv: Count; pending: Count }

const countOf = (rows: string) => `(SELECT count(*) FROM (${rows} LIMIT ${MOST_COUNTED + 1}))`
const unpublishedOf = (eventSent: 0 | 1) =>
  countOf(`SELECT 1 FROM snapshots WHERE publish_at IS NOT NULL AND event_sent = ${eventSent}`)
const COUNT_ALL = `
  SELECT ${unpublishedOf(0)} AS unsent, ${unpublishedOf(1)} AS onlyNotInKv, ${countOf(REFUSED)} AS refusedByKv,
    ${countOf(`SELECT 1 FROM snapshots WHERE status <> 'completed' AND status = 'pending'`)} AS pending`

/** Reads what it counts, by an index. Throws when D1 cannot answer. */
export async function countAll(db: D1Database): Promise<Counts> {
  const row = await onDatabase(db, () => db.prepare(COUNT_ALL).first<Record<keyof Counts, number>>())
  return Object.fromEntries(Object.entries(row!).map(([name, count]) => [name, counted(count)])) as Counts
}

/** How many are told of. */
export const MOST_FAILED = 20

export type FailedTask = { place: number; task_id: string; reason: string | null }

/** `status <> 'completed'` lets SQLite use the partial index. */
const FAILED_AFTER = `
  SELECT place, task_id, record ->> '$.error.message' AS reason FROM snapshots
  WHERE status <> 'completed' AND status = 'failed' AND place > ?1 ORDER BY place DESC LIMIT ${MOST_FAILED}`

/** The tasks that failed behind a place, the last one first. Throws when D1 cannot answer. */
export async function failedAfter(db: D1Database, place: number): Promise<FailedTask[]> {
  return (await onDatabase(db, () => db.prepare(FAILED_AFTER).bind(place).all<FailedTask>())).results
}

/** In words, and whether someone should look (`unhealthy`) or it recovers by itself, or once callbacks are accepted. */
const JUDGED = {
  settings: { status: 'unhealthy', words: 'a setting is broken' },
  d1: { status: 'unhealthy', words: 'D1 does not answer' },
  publishing: { status: 'unhealthy', words: 'publishing is behind' },
  kv: { status: 'degraded', words: 'KV does not have every result' },
  aside: { status: 'degraded', words: 'callbacks wait for D1' },
  callbacks: { status: 'degraded', words: 'callbacks are refused' },
} as const

export type Part = keyof typeof JUDGED
/** The gravest first. */
export const PARTS = Object.keys(JUDGED) as [Part, ...Part[]]

/** For each status, its name for people and the mark beside it. */
const STATUSES = {
  ok: { title: 'Healthy', shape: 'well' },
  degraded: { title: 'Needs attention', shape: 'waiting' },
  unhealthy: { title: 'Failing', shape: 'bad' },
} as const
export type Shape = (typeof STATUSES)[keyof typeof STATUSES]['shape']

/** What is not well, in a few words, and since when, as far as that is known. `code` is that of a refusal. */
export type Finding = { part: Part; shape: Shape; words: string; since?: number | undefined; code?: string }

export type Verdict = { status: keyof typeof STATUSES; findings: Finding[] }

/** `facts` are unknown while D1 does not answer. */
export type Health = Verdict & { facts: HealthFacts | undefined }

/** What waits longer than this is late. */
const LATE_MS = 15 * 60_000

/** A refusal is news for so long. */
export const RECENT_MS = 24 * 3_600_000

/** Never throws: a D1 that does not answer within its deadline is a finding too. */
export async function judge(db: D1Database, settings: Settings, now: number): Promise<Health> {
  const facts = await factsOrNothing(db)
  return { ...verdictOf(facts, settings, now), facts }
}

/** `undefined` where D1 does not answer within its deadline. */
export async function factsOrNothing(db: D1Database): Promise<HealthFacts | undefined> {
  try {
    return await readFacts(db)
  } catch (error) {
    log('error', 'health.failed', { store: 'd1', why: messageOf(error) })
    return undefined
  }
}

/** The judgement alone, for whoever has the facts already. */
export function verdictOf(facts: HealthFacts | undefined, settings: Settings, now: number): Verdict {
  const findings = [
    ...(faultsOf(settings).length > 0 ? [found('settings')] : []),
    ...(facts === undefined ? [found('d1')] : findingsOf(facts, now)),
  ]
  const isUnhealthy = findings.some(({ part }) => JUDGED[part].status === 'unhealthy')
  return { status: isUnhealthy ? 'unhealthy' : findings.length > 0 ? 'degraded' : 'ok', findings }
}

function found(part: Part, since?: number, detail?: string): Finding {
  const { status, words } = JUDGED[part]
  return { part, shape: STATUSES[status].shape, words: detail === undefined ? words : `${words} (${detail})`, since }
}

function findingsOf(facts: HealthFacts, now: number): Finding[] {
  const { oldestEvent, oldestForKv, isAnyRefusedByKv, aside } = facts
  const findings: Finding[] = []
  if (isLate(oldestEvent, now)) findings.push(found('publishing', oldestEvent))
  if (isLate(oldestForKv, now)) findings.push(found('kv', oldestForKv))
  else if (isAnyRefusedByKv) findings.push(found('kv', undefined, 'it refused one for good'))
  const waiting = aside.waiting + aside.poison
  if (waiting > 0) findings.push(found('aside', aside.since, waiting.toLocaleString('en')))
  const refusal = lastRefusal(facts, now)
  if (refusal) findings.push({ ...found('callbacks', refusal.at, `${refusal.cause}?`), code: refusal.code })
  return findings
}

function isLate(since: number | null, now: number): since is number {
  return since !== null && now - since > LATE_MS
}

/** The last refusal of a callback, if it is news: none was accepted since, neither a later one nor one that was kept. */
function lastRefusal({ lastCallback, lastRefusals, acceptedAgain }: HealthFacts, now: number) {
  const standing = Object.entries(lastRefusals)
    .map(([code, at]) => ({ code, at, cause: isRefusalCode(code) ? REFUSALS[code].likelyCause : null }))
    .filter(({ at, cause }) => cause !== null && at > (lastCallback?.at ?? 0) && now - at < RECENT_MS)
    .filter(({ code, at }) => at > (acceptedAgain[code]?.at ?? 0))
  return standing.toSorted((one, other) => other.at - one.at)[0]
}

/** How a verdict is named and marked on every page: `words` for the top of each, `title` for the health page. */
export function badgeOf({ status, findings, facts }: Health): { shape: Shape; title: string; words: string } {
  const { title, shape } = STATUSES[status]
  if (findings[0]) return { shape, title, words: findings[0].words }
  const { count, exact } = inQuarantine(facts)
  const waiting = `, ${exact ? '' : 'over '}${count.toLocaleString('en')} in quarantine`
  return { shape, title, words: `${title}${count > 0 ? waiting : ''}` }
}

/** What is in quarantine for someone to see: all but doctor's own. */
export function inQuarantine(facts: HealthFacts | undefined): Count {
  const { count, exact } = totalOf(facts?.quarantined ?? {})
  return { count: count - (facts?.testEntries ?? 0), exact }
}

/** "9 results of 27 kept callbacks were accepted"; `undefined` where none was after a time. */
export function acceptedWords(facts: HealthFacts | undefined, after: number): string | undefined {
  const accepted = Object.values(facts?.acceptedAgain ?? {}).filter(({ at }) => at > after)
  const [results, callbacks] = (['results', 'callbacks'] as const).map((of) =>
    accepted.reduce((sum, counts) => sum + counts[of], 0),
  )
  if (!callbacks) return undefined
  const [was, s] = results === 1 ? ['was', ''] : ['were', 's']
  return `${results} result${s} of ${callbacks} kept callback${callbacks === 1 ? '' : 's'} ${was} accepted`
}

/** All reasons together. */
export function totalOf(quarantined: Partial<HealthFacts['quarantined']>): Count {
  const counts = Object.values(quarantined)
  return { count: counts.reduce((sum, { count }) => sum + count, 0), exact: counts.every(({ exact }) => exact) }
}
