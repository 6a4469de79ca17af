/** `GET /v1/status`: how all is going, for operators. Counts stop early: a large backlog costs no more than a small one. */
import { Hono } from 'hono/tiny'
import { asideState, overview } from '../store/state.ts'
import type { Api } from './api.ts'
import { noQuery, readQuery } from './query.ts'

export const status = new Hono<Api>()

status.get('/v1/status', async (c) => {
  readQuery(c.req.url, noQuery)
  const [aside, state] = await Promise.all([asideState(c.env.DB), overview(c.env.DB)])
  const { unsent, notInKv, pending, quarantined, lastCallback, lastRefusals } = state
  return c.json({
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
  })
})

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b)
}

/** @param at in milliseconds */
function timeOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
