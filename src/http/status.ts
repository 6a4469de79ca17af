/** `GET /v1/status`: how all is going, for operators. Counts stop early: a large backlog costs no more than a small one. */
import { Hono } from 'hono/tiny'
import type { Env } from '../settings.ts'
import { asideState, overview } from '../store/state.ts'
import { noQuery, readQuery } from './query.ts'
import { json, orUnavailable } from './storage.ts'

export const status = new Hono<{ Bindings: Env }>()

status.get('/v1/status', async (c) => {
  const query = readQuery(c.req.url, noQuery)
  if (query instanceof Response) return query
  return orUnavailable('tell the status', async () => {
    const [aside, state] = await Promise.all([asideState(c.env.DB), overview(c.env.DB)])
    const { unsent, notInKv, pending, quarantined, lastCallback, lastRefusals } = state
    const body = {
      unpublished: {
        count: unsent.count + notInKv.count,
        exact: unsent.exact && notInKv.exact,
        oldest_at: timeOf(earlier(unsent.oldest, notInKv.oldest)),
        without_event: { count: unsent.count, exact: unsent.exact, oldest_at: timeOf(unsent.oldest) },
        without_kv_only: { count: notInKv.count, exact: notInKv.exact, oldest_at: timeOf(notInKv.oldest) },
      },
      aside,
      pending,
      quarantined,
      last_callback: lastCallback
        ? { received_at: timeOf(lastCallback.at), with_path_token: lastCallback.withPathToken }
        : null,
      last_refusals: Object.fromEntries(Object.entries(lastRefusals).map(([code, at]) => [code, timeOf(at)])),
    }
    return json(JSON.stringify(body))
  })
})

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b)
}

/** @param at in milliseconds */
function timeOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
