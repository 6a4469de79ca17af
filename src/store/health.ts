/** How all is: one judgement and its words, for `/healthz`, `/v1/status`, alerts and the dashboard alike. */
import { log, messageOf } from '../log.ts'
import { faultsOf, type Settings } from '../settings.ts'
import { type Count, type Facts, look } from './facts.ts'

/** The first three are for someone to look at; the others recover by themselves, or once callbacks are accepted. */
export const PARTS = ['settings', 'd1', 'publishing', 'kv', 'aside', 'callbacks'] as const
export type Part = (typeof PARTS)[number]
const UNHEALTHY: ReadonlySet<Part> = new Set(['settings', 'd1', 'publishing'])

/** What is not well, in a few words, and since when, as far as that is known. */
export type Finding = { part: Part; words: string; since?: number }

export type Verdict = { status: 'ok' | 'degraded' | 'unhealthy'; findings: Finding[] }

/** `facts` are unknown while D1 does not answer. */
export type Health = Verdict & { facts: Facts | undefined }

/** What waits longer than this is late. */
export const LATE_MS = 15 * 60_000

/** A refusal is news for so long. */
const RECENT_MS = 24 * 3_600_000

/** Refusals of bodies that decode to a callback, and what is probably wrong: anything else may be a stranger's. */
const CALLBACK_REFUSALS = {
  bad_signature: 'wrong secret?',
  not_configured: 'missing setting?',
  wrong_path: 'wrong URL?',
  unknown_app: 'missing app?',
  invalid_timestamp: 'wrong clock?',
  stale: 'wrong clock?',
}

/** Never throws: a D1 that does not answer within its deadline is a finding too. */
export async function judge(db: D1Database, settings: Settings, now: number): Promise<Health> {
  const facts = await lookOrNothing(db)
  return { ...verdictOf(facts, settings, now), facts }
}

/** `undefined` where D1 does not answer within its deadline. */
export async function lookOrNothing(db: D1Database): Promise<Facts | undefined> {
  try {
    return await look(db)
  } catch (error) {
    log('error', 'health.failed', { store: 'd1', why: messageOf(error) })
    return undefined
  }
}

/** The judgement alone, for whoever has the facts already. */
export function verdictOf(facts: Facts | undefined, settings: Settings, now: number): Verdict {
  const findings: Finding[] = []
  if (faultsOf(settings).length > 0) findings.push({ part: 'settings', words: 'a setting is broken' })
  if (facts === undefined) findings.push({ part: 'd1', words: 'D1 does not answer' })
  if (facts) findings.push(...findingsOf(facts, now))
  if (findings.some(({ part }) => UNHEALTHY.has(part))) return { status: 'unhealthy', findings }
  return { status: findings.length > 0 ? 'degraded' : 'ok', findings }
}

function findingsOf(facts: Facts, now: number): Finding[] {
  const { oldestEvent, oldestForKv, isAnyRefusedByKv, aside } = facts
  const findings: Finding[] = []
  if (isLate(oldestEvent, now)) findings.push({ part: 'publishing', words: 'publishing is behind', since: oldestEvent })
  if (isLate(oldestForKv, now)) findings.push({ part: 'kv', words: 'KV is behind', since: oldestForKv })
  else if (isAnyRefusedByKv) findings.push({ part: 'kv', words: 'KV refused a result' })
  const waiting = aside.waiting + aside.poison
  if (waiting > 0) findings.push({ part: 'aside', words: `${shown(waiting)} waiting for D1`, since: aside.since })
  const refused = lastRefusal(facts, now)
  if (refused) {
    findings.push({ part: 'callbacks', words: `callbacks are refused (${refused.cause})`, since: refused.at })
  }
  return findings
}

function isLate(since: number | null, now: number): since is number {
  return since !== null && now - since > LATE_MS
}

/** The last refusal of a callback, if none has been accepted since and it is news. */
function lastRefusal({ lastCallback, lastRefusals }: Facts, now: number) {
  const all = Object.entries(CALLBACK_REFUSALS).map(([code, cause]) => ({ cause, at: lastRefusals[code] ?? 0 }))
  const last = all.reduce((one, other) => (other.at > one.at ? other : one))
  return last.at > (lastCallback?.at ?? 0) && now - last.at < RECENT_MS ? last : undefined
}

/** For the top of each page. */
export type Badge = { shape: 'well' | 'waiting' | 'bad'; words: string }

export function badgeOf({ status, findings, facts }: Health): Badge {
  const [first] = findings
  if (first) return { shape: status === 'unhealthy' ? 'bad' : 'waiting', words: first.words }
  const { count, exact } = totalOf(facts?.quarantined ?? {})
  if (count === 0) return { shape: 'well', words: 'all well' }
  return { shape: 'waiting', words: `${exact ? '' : 'over '}${shown(count)} in quarantine` }
}

/** All reasons together. */
export function totalOf(quarantined: Partial<Facts['quarantined']>): Count {
  const counts = Object.values(quarantined)
  return { count: counts.reduce((sum, { count }) => sum + count, 0), exact: counts.every(({ exact }) => exact) }
}

function shown(count: number): string {
  return count.toLocaleString('en')
}
