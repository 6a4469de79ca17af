/** `/v1/snapshots`: the results, for whoever has the API token. */
import { Hono } from 'hono/tiny'
import * as z from 'zod/mini'
import { withDeadline } from '../deadline.ts'
import { forgetInKv, forgetInKvAgain } from '../publish/forget.ts'
import { publish } from '../publish/publish.ts'
import { log, messageOf } from '../log.ts'
import { type Env, readSettings, retentionDaysOf } from '../settings.ts'
import { findRecord, listRecords, scheduleRepublish, removeRecord, type Stored } from '../store/snapshots.ts'
import { etagOf, isNamed } from './etag.ts'
import { partOf } from './path.ts'
import { notFound, problem } from './problem.ts'
import { cursor, DEFAULT_LIMIT, noQuery, paging, queryOf, readQuery, wholeNumber } from './query.ts'
import { json, orUnavailable, requestId, unavailable } from './storage.ts'

const KV_DEADLINE_MS = 2_000

/** A task that has not finished is looked for again after so long: each look is one row, and 25 s take about 30 looks. */
const FIRST_WAIT_MS = 400
const LONGEST_WAIT_MS = 950
const WAIT_GROWTH = 1.25

export const getQuery = queryOf(() => ({ wait: z.optional(wholeNumber(0, 25)) }))
export const listQuery = queryOf(() => ({
  ...paging(),
  status: z.optional(z.enum(['pending', 'completed', 'failed'])),
  cursor: z.optional(cursor(/^s\d{1,16}$/)),
}))

export const snapshots = new Hono<{ Bindings: Env }>()

snapshots.get('/v1/snapshots', async (c) => {
  const query = readQuery(c.req.url, listQuery)
  if (query instanceof Response) return query
  const { status, limit = DEFAULT_LIMIT } = query
  const after = query.cursor === undefined ? undefined : Number(query.cursor.slice(1))
  const [since, until] = [query.since, query.until].map((at) => (at === undefined ? undefined : Date.parse(at)))
  return orUnavailable('list snapshots', async () => {
    const { records, next } = await listRecords(c.env.DB, { status, since, until, limit, after })
    const next_cursor = next === undefined ? null : `s${next}`
    return json(`{"items":[${records.join(',')}],"next_cursor":${JSON.stringify(next_cursor)}}`)
  })
})

snapshots.get('/v1/snapshots/:task_id', async (c) => {
  const query = readQuery(c.req.url, getQuery)
  if (query instanceof Response) return query
  const found = await waitForRecord(c.env, partOf(c.req.url, 3), (query.wait ?? 0) * 1000)
  if (found === null) return unavailable('D1 cannot answer now, and KV has no such record. Ask again soon.')
  if (found === undefined) return unknownTask()
  const etag = await etagOf(found)
  if (!isNamed(etag, c.req.header('if-none-match'))) return json(found, { etag })
  return new Response(null, { status: 304, headers: { etag, 'cache-control': 'private, no-cache' } })
})

snapshots.post('/v1/snapshots/:task_id/republish', async (c) => {
  const query = readQuery(c.req.url, noQuery)
  if (query instanceof Response) return query
  const task_id = partOf(c.req.url, 3)
  const now = Date.now()
  return orUnavailable('republish', async () => {
    const publication = await scheduleRepublish(c.env.DB, task_id, now)
    if (publication === undefined) {
      return (await findRecord(c.env.DB, task_id)) === undefined ? unknownTask() : notFinished()
    }
    log('info', 'snapshot.republished', { task_id, request_id: requestId(c) })
    c.executionCtx.waitUntil(publish([publication], c.env, retentionDaysOf(readSettings(c.env)), now))
    return Response.json({ status: 'accepted', task_id }, { status: 202 })
  })
})

// KV first: what fails half-way is still in D1, and whoever asks again finishes it.
snapshots.delete('/v1/snapshots/:task_id', async (c) => {
  const query = readQuery(c.req.url, noQuery)
  if (query instanceof Response) return query
  const task_id = partOf(c.req.url, 3)
  return orUnavailable('delete a snapshot', async () => {
    await forgetInKv(c.env.RESULTS, task_id)
    const { wasOwedToKv } = await removeRecord(c.env.DB, task_id)
    if (wasOwedToKv) c.executionCtx.waitUntil(forgetInKvAgain(c.env.RESULTS, task_id))
    log('info', 'snapshot.deleted', { task_id, request_id: requestId(c) })
    return new Response(null, { status: 204 })
  })
})

/**
 * The record once it is finished, or what there is when the time is up; `null` where neither D1 nor KV can tell. KV
 * answers while D1 does not.
 */
async function waitForRecord(env: Env, taskId: string, ms: number): Promise<string | null | undefined> {
  const until = Date.now() + ms
  for (let pause = FIRST_WAIT_MS; ; pause = Math.min(pause * WAIT_GROWTH, LONGEST_WAIT_MS)) {
    const left = until - Date.now()
    const found = await findAnywhere(env, taskId, left <= 0 || pause === FIRST_WAIT_MS)
    if (left <= 0 || (found && found.status !== 'pending')) return found && found.record
    await scheduler.wait(Math.min(pause, left))
  }
}

/** @param askKv where D1 fails: at first and at last only, since an edge remembers a miss for a minute */
async function findAnywhere(env: Env, taskId: string, askKv: boolean): Promise<Stored | null | undefined> {
  try {
    return await findRecord(env.DB, taskId)
  } catch (error) {
    log('error', 'read.failed', { store: 'd1', why: messageOf(error) })
    const record = askKv ? await recordFromKv(env.RESULTS, taskId) : null
    return record === null ? null : { status: 'completed', record }
  }
}

async function recordFromKv(results: KVNamespace, taskId: string): Promise<string | null> {
  try {
    return await withDeadline(results.get(taskId), KV_DEADLINE_MS, 'KV')
  } catch (error) {
    log('error', 'read.failed', { store: 'kv', why: messageOf(error) })
    return null
  }
}

function unknownTask(): Response {
  return notFound('No such task is known yet. Its callback may still come: ask again, or wait for its event.')
}

function notFinished(): Response {
  const detail = 'There is nothing to publish yet: the task is pending. It is published when it has finished.'
  return problem({ code: 'not_finished', status: 409, title: 'The task has not finished', detail })
}
