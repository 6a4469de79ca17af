/** `GET /v1/status`, for operators, and `GET /healthz`, open, for monitors: one judgement of how all is. */
import { Hono } from 'hono/tiny'
import { readSettings } from '../settings.ts'
import { countAll, factsOrNothing, type HealthFacts, judge, type Verdict, verdictOf } from '../store/health.ts'
import type { Api } from './api.ts'
import { unavailable } from './problem.ts'
import { noQuery, readQuery } from './query.ts'

export const status = new Hono<Api>()

status.get('/v1/status', async (c) => {
  readQuery(c.req.url, noQuery)
  const { DB } = c.env
  const [{ facts, ...verdict }, counts] = await Promise.all([judge(DB, c.get('settings'), Date.now()), countAll(DB)])
  if (facts === undefined) throw unavailable('D1 does not answer. Ask again in a moment.')
  const { oldestEvent, oldestForKv, oldestOnlyForKv, aside, lastCallback } = facts
  const { unsent, onlyNotInKv, refusedByKv, pending } = counts
  return c.json({
    ...verdictJson(verdict),
    since: timeOf(earliest(verdict.findings.map(({ since }) => since))),
    unpublished: {
      count: unsent.count + onlyNotInKv.count,
      exact: unsent.exact && onlyNotInKv.exact,
      oldest_at: timeOf(earliest([oldestEvent, oldestForKv])),
      without_event: { ...unsent, oldest_at: timeOf(oldestEvent) },
      without_kv_only: { ...onlyNotInKv, oldest_at: timeOf(oldestOnlyForKv) },
    },
    refused_by_kv: refusedByKv,
    aside: { waiting: aside.waiting, poison: aside.poison },
    pending,
    quarantined: mapValues(facts.quarantined, ({ full, ...count }) => ({
      ...count,
      ...(full && { [full.onlyOfLarge ? 'full_of_large_since' : 'full_since']: timeOf(full.since) }),
    })),
    last_callback: lastCallback
      ? { received_at: timeOf(lastCallback.at), with_path_token: lastCallback.withPathToken }
      : null,
    last_refusals: mapValues(facts.lastRefusals, timeOf),
  })
})

status.get('/healthz', async (c) => {
  const verdict = verdictOf(await recentFacts(c.env.DB), readSettings(c.env), Date.now())
  return c.json(verdictJson(verdict), verdict.status === 'unhealthy' ? 503 : 200)
})

/** `parts` only where something is not well. */
function verdictJson({ status: word, findings }: Verdict) {
  return findings.length === 0 ? { status: word } : { status: word, parts: findings.map(({ part }) => part) }
}

/** So that a monitor, or a crowd, costs one look at D1 in ten seconds. */
const KEPT_MS = 10_000

/** What was last known: a cache. `facts` are `undefined` where D1 did not answer. Isolates differ by ten seconds. */
let last: { facts: HealthFacts | undefined; at: number } | undefined

async function recentFacts(db: D1Database): Promise<HealthFacts | undefined> {
  const now = Date.now()
  if (last && Math.abs(now - last.at) < KEPT_MS) return last.facts
  const facts = await factsOrNothing(db)
  last = { facts, at: now }
  return facts
}

function mapValues<Value, Mapped>(given: Record<string, Value>, map: (value: Value) => Mapped): Record<string, Mapped> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, map(value)]))
}

function earliest(times: readonly (number | null | undefined)[]): number | null {
  const known = times.filter((time) => typeof time === 'number')
  return known.length === 0 ? null : Math.min(...known)
}

/** @param at in milliseconds */
function timeOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
