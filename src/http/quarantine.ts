/** `/v1/quarantine`: what was kept aside, for whoever has the API token. */
import { Hono } from 'hono/tiny'
import * as z from 'zod/mini'
import { publish } from '../publish/publish.ts'
import { log } from '../log.ts'
import { retry } from '../retry.ts'
import { type Env, readSettings, retentionDaysOf } from '../settings.ts'
import {
  findEntry,
  type ListedEntry,
  type QuarantineCursor,
  listEntries,
  REASONS,
  removeEntry,
} from '../store/quarantine.ts'
import { answer } from './answer.ts'
import { partOf } from './path.ts'
import { notFound } from './problem.ts'
import { cursor, DEFAULT_LIMIT, flag, noQuery, paging, queryOf, readQuery } from './query.ts'
import { json, orUnavailable, requestId } from './storage.ts'

export const quarantineQuery = queryOf(() => ({
  ...paging(),
  reason: z.optional(z.enum(REASONS)),
  cursor: z.optional(cursor(/^q\d{1,16}-\d{1,16}$/)),
}))
export const retryQuery = queryOf(() => ({ replace: z.optional(flag()) }))

export const quarantine = new Hono<{ Bindings: Env }>()

quarantine.get('/v1/quarantine', async (c) => {
  const query = readQuery(c.req.url, quarantineQuery)
  if (query instanceof Response) return query
  const { reason, limit = DEFAULT_LIMIT } = query
  const [since, until] = [query.since, query.until].map((at) => (at === undefined ? undefined : Date.parse(at)))
  return orUnavailable('list the quarantine', async () => {
    const { items, next } = await listEntries(c.env.DB, { reason, since, until, limit, after: placeOf(query.cursor) })
    const next_cursor = next === undefined ? null : `q${next.received_at}-${next.rowid}`
    return json(JSON.stringify({ items: items.map(shown), next_cursor }))
  })
})

quarantine.get('/v1/quarantine/:id', async (c) => {
  const query = readQuery(c.req.url, noQuery)
  if (query instanceof Response) return query
  return orUnavailable('show a kept callback', async () => {
    const kept = await findEntry(c.env.DB, partOf(c.req.url, 3))
    return kept === undefined ? unknown() : json(JSON.stringify({ ...shown(kept), body: kept.body }))
  })
})

quarantine.post('/v1/quarantine/:id/retry', async (c) => {
  const query = readQuery(c.req.url, retryQuery)
  if (query instanceof Response) return query
  const { replace = false } = query
  const now = Date.now()
  return orUnavailable('retry a kept callback', async () => {
    const kept = await findEntry(c.env.DB, partOf(c.req.url, 3))
    if (kept === undefined) return unknown()
    const { received, forgetting } = await retry(kept, replace, c.env, now)
    const { id, task_id } = kept
    log('info', 'quarantine.retried', { id, task_id, replace, status: received.status, request_id: requestId(c) })
    if (forgetting) c.executionCtx.waitUntil(forgetting)
    if (received.status === 'stored') {
      c.executionCtx.waitUntil(publish([received.publication], c.env, retentionDaysOf(readSettings(c.env)), now))
    }
    return answer(received)
  })
})

quarantine.delete('/v1/quarantine/:id', async (c) => {
  const query = readQuery(c.req.url, noQuery)
  if (query instanceof Response) return query
  const id = partOf(c.req.url, 3)
  return orUnavailable('delete a kept callback', async () => {
    await removeEntry(c.env.DB, id)
    log('info', 'quarantine.deleted', { id, request_id: requestId(c) })
    return new Response(null, { status: 204 })
  })
})

/** As readers get it: no signature, and the task_id where one is known. */
function shown({ id, reason, detail, task_id, received_at }: ListedEntry) {
  return { id, reason, detail, ...(task_id !== null && { task_id }), received_at: new Date(received_at).toISOString() }
}

function placeOf(given: string | undefined): QuarantineCursor | undefined {
  const [received_at, rowid] = given?.slice(1).split('-').map(Number) ?? []
  return received_at === undefined || rowid === undefined ? undefined : { received_at, rowid }
}

function unknown(): Response {
  return notFound('There is nothing under this id in the quarantine. It may have been retried, deleted or purged.')
}
