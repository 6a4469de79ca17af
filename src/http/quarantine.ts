/** `/v1/quarantine`: callbacks that were not stored, for whoever has the API token. */
import { Hono } from 'hono/tiny'
import * as z from 'zod/mini'
import { publish } from '../publish/publish.ts'
import { retry } from '../retry.ts'
import { retentionDaysOf } from '../settings.ts'
import {
  findEntry,
  type ListedEntry,
  type QuarantineCursor,
  listEntries,
  REASONS,
  removeEntry,
} from '../store/quarantine.ts'
import { answer } from './answer.ts'
import { type Api, report } from './api.ts'
import { notFound, type ProblemError } from './problem.ts'
import { cursor, DEFAULT_LIMIT, flag, noQuery, paging, queryOf, readQuery } from './query.ts'
import { partOf } from './request.ts'

export const quarantineQuery = queryOf(() => ({
  ...paging(),
  reason: z.optional(z.enum(REASONS)),
  cursor: z.optional(cursor(/^q\d{1,16}-\d{1,16}$/)),
}))
export const retryQuery = queryOf(() => ({ replace: z.optional(flag()) }))

export const quarantine = new Hono<Api>()

quarantine.get('/v1/quarantine', async (c) => {
  const { reason, limit = DEFAULT_LIMIT, ...query } = readQuery(c.req.url, quarantineQuery)
  const [since, until] = [query.since, query.until].map((at) => (at === undefined ? undefined : Date.parse(at)))
  const { items, next } = await listEntries(c.env.DB, { reason, since, until, limit, after: placeOf(query.cursor) })
  const next_cursor = next === undefined ? null : `q${next.received_at}-${next.rowid}`
  return c.json({ items: items.map(shown), next_cursor })
})

quarantine.get('/v1/quarantine/:id', async (c) => {
  readQuery(c.req.url, noQuery)
  const entry = await findEntry(c.env.DB, partOf(c.req.url, 3))
  if (entry === undefined) throw unknown()
  return c.json({ ...shown(entry), body: entry.body })
})

quarantine.post('/v1/quarantine/:id/retry', async (c) => {
  const { replace = false } = readQuery(c.req.url, retryQuery)
  const now = Date.now()
  const entry = await findEntry(c.env.DB, partOf(c.req.url, 3))
  if (entry === undefined) throw unknown()
  const { received, forgetting } = await retry(entry, replace, c.env, now)
  const { id, task_id } = entry
  report(c, 'quarantine.retried', { id, task_id, replace, status: received.status })
  if (forgetting) c.executionCtx.waitUntil(forgetting)
  if (received.status === 'stored') {
    c.executionCtx.waitUntil(publish([received.publication], c.env, retentionDaysOf(c.get('settings')), now))
  }
  return answer(received)
})

quarantine.delete('/v1/quarantine/:id', async (c) => {
  readQuery(c.req.url, noQuery)
  const id = partOf(c.req.url, 3)
  await removeEntry(c.env.DB, id)
  report(c, 'quarantine.deleted', { id })
  return c.body(null, 204)
})

/** As readers get it: no signature, and the task_id where one is known. */
function shown({ id, reason, detail, task_id, received_at }: ListedEntry) {
  return { id, reason, detail, ...(task_id !== null && { task_id }), received_at: new Date(received_at).toISOString() }
}

function placeOf(given: string | undefined): QuarantineCursor | undefined {
  const [received_at, rowid] = given?.slice(1).split('-').map(Number) ?? []
  return received_at === undefined || rowid === undefined ? undefined : { received_at, rowid }
}

function unknown(): ProblemError {
  return notFound('There is nothing under this id in the quarantine. It may have been retried, deleted or purged.')
}
