/** `/v1/quarantine`: callbacks that were not stored. */
import { Hono } from 'hono/tiny'
import * as z from 'zod/mini'
import { rawToJson } from '../callback/bytes.ts'
import { deleteEntry, deleteOfReason, retryEntry } from '../operate.ts'
import {
  findEntry,
  type ListedEntry,
  type QuarantineCursor,
  type QuarantineEntry,
  listEntries,
  rawOf,
  REASONS,
} from '../store/quarantine.ts'
import { type Api, operationOf, partOf } from './api.ts'
import { responseTo } from './callback.ts'
import { notFound, type ProblemError } from './problem.ts'
import { cursor, flag, noQuery, oneOf, paging, queryOf, rangeOf, readQuery, time } from './query.ts'

export const quarantineQuery = queryOf(() => ({
  ...paging(),
  reason: z.optional(oneOf(REASONS)),
  task_id: z.optional(z.string()),
  cursor: z.optional(cursor(/^q\d{1,16}-\d{1,16}$/)),
}))
export const removalQuery = queryOf(() => ({ reason: oneOf(REASONS), before: z.optional(time()) }))
export const retryQuery = queryOf(() => ({ replace: z._default(flag(), false) }))

export const quarantine = new Hono<Api>()

quarantine.get('/v1/quarantine', async (c) => {
  const { reason, task_id, limit, ...query } = readQuery(c.req.url, quarantineQuery)
  const filter = { reason, task_id, limit, ...rangeOf(query), after: placeOf(query.cursor) }
  const { items, next } = await listEntries(c.env.DB, filter)
  const next_cursor = next === undefined ? null : `q${next.received_at}-${next.rowid}`
  return c.json({ items: items.map(entryJson), next_cursor })
})

quarantine.delete('/v1/quarantine', async (c) => {
  const { reason, before } = readQuery(c.req.url, removalQuery)
  const until = before === undefined ? undefined : Date.parse(before)
  const { deleted, left } = await deleteOfReason(reason, until, operationOf(c))
  return c.json({ deleted, more: left > 0 })
})

quarantine.get('/v1/quarantine/:id', async (c) => {
  readQuery(c.req.url, noQuery)
  const entry = await findEntry(c.env.DB, partOf(c.req.url, 3))
  if (entry === undefined) throw unknown()
  // A body may hold what is signed, and what is nobody's but the app's: it is for whoever operates this.
  if (c.get('access') === 'read') return c.json(entryJson(entry))
  const { body, body_base64 } = rawToJson(rawOf(entry))
  return c.json({ ...entryJson(entry), body, body_base64 })
})

quarantine.post('/v1/quarantine/:id/retry', async (c) => {
  const { replace } = readQuery(c.req.url, retryQuery)
  const retried = await retryEntry(partOf(c.req.url, 3), replace, operationOf(c))
  if (retried === undefined) throw unknown()
  return responseTo(retried)
})

quarantine.delete('/v1/quarantine/:id', async (c) => {
  readQuery(c.req.url, noQuery)
  await deleteEntry(partOf(c.req.url, 3), operationOf(c))
  return c.body(null, 204)
})

/** As readers get it: no signature, and the task_id where one is known. */
function entryJson({ received_at, ...entry }: ListedEntry & Partial<QuarantineEntry>) {
  const { id, reason, detail, task_id, content_type, content_encoding } = entry
  const known = Object.entries({ task_id, content_type, content_encoding }).filter(([, value]) => value !== null)
  return { id, reason, detail, ...Object.fromEntries(known), received_at: new Date(received_at).toISOString() }
}

function placeOf(given: string | undefined): QuarantineCursor | undefined {
  const [received_at, rowid] = given?.slice(1).split('-').map(Number) ?? []
  return received_at === undefined || rowid === undefined ? undefined : { received_at, rowid }
}

function unknown(): ProblemError {
  return notFound('There is nothing under this id in the quarantine. It may have been retried, deleted or purged.')
}
