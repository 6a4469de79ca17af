/** `/v1/snapshots`, and `/v1/republish`: the results, for whoever has the API token. */
import { Hono } from 'hono/tiny'
import * as z from 'zod/mini'
import { sha256 } from '../callback/bytes.ts'
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import { removeSnapshot, republish, republishRange } from '../operate.ts'
import type { Env } from '../settings.ts'
import { type Filter, findRecord, listRecords, placeOfLateCursor, readFeed, type Stored } from '../store/snapshots.ts'
import { type Api, operationOf, partOf } from './api.ts'
import { notFound, ProblemError, unavailable } from './problem.ts'
import { cursor, invalid, noQuery, oneOf, paging, queryOf, rangeOf, readQuery, time, wholeNumber } from './query.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const KV_DEADLINE_MS = 2_000

/** A task that has not finished is looked for again after so long: each look is one row, and 25 s take about 30 looks. */
const FIRST_WAIT_MS = 400
const LONGEST_WAIT_MS = 950
const WAIT_GROWTH = 1.25

export const getQuery = queryOf(() => ({ wait: z._default(wholeNumber(0, 25), 0) }))
export const listQuery = queryOf(() => ({
  ...paging(),
  status: z.optional(oneOf(['pending', 'completed', 'failed'])),
  order: z._default(oneOf(['newest', 'oldest']), 'newest'),
  cursor: z.optional(cursor(/^(?:s\d{1,16}|f\d{1,16}(?:-\d{1,16})?)$/)),
}))
/** Both are required: whoever leaves one out hardly means all that is stored. */
export const rangeQuery = queryOf(() => ({ since: time(), until: time() }))

export const snapshots = new Hono<Api>()

snapshots.get('/v1/snapshots', async (c) => {
  const { status, order, limit, ...query } = readQuery(c.req.url, listQuery)
  const filter = { status, limit, ...rangeOf(query) }
  const isFeed = order === 'oldest'
  if (query.cursor !== undefined && query.cursor.startsWith('f') !== isFeed) {
    throw invalid('cursor', 'cursor must be the next_cursor of a page in the same order.')
  }
  const { records, next_cursor } = await (isFeed ? feedPage : listPage)(c.env.DB, filter, query.cursor)
  return c.body(`{"items":[${records.join(',')}],"next_cursor":${JSON.stringify(next_cursor)}}`, 200, JSON_TYPE)
})

async function listPage(db: D1Database, filter: Filter, given?: string) {
  const { records, next } = await listRecords(db, filter, given === undefined ? undefined : Number(given.slice(1)))
  return { records, next_cursor: next === undefined ? null : `s${next}` }
}

async function feedPage(db: D1Database, filter: Filter, given?: string) {
  const [place, late] = given?.slice(1).split('-').map(Number) ?? []
  const after = place === undefined || late === undefined ? place : await placeOfLateCursor(db, place, late)
  const { records, next } = await readFeed(db, filter, after)
  return { records, next_cursor: `f${Math.max(next, 0)}` }
}

snapshots.get('/v1/snapshots/:task_id', async (c) => {
  const { wait } = readQuery(c.req.url, getQuery)
  const record = await waitForRecord(c.env, partOf(c.req.url, 3), wait * 1000)
  if (record === undefined) throw unknownTask()
  const etag = `"${await sha256(record)}"`
  c.header('etag', etag)
  // A tag is quoted, and a list, `W/` and what else a cache adds stands around the quotes.
  const known = c.req.header('if-none-match') ?? ''
  return known === '*' || known.includes(etag) ? c.body(null, 304) : c.body(record, 200, JSON_TYPE)
})

snapshots.post('/v1/republish', async (c) => {
  const { since, until } = readQuery(c.req.url, rangeQuery)
  const { republished, seconds, next } = await republishRange(Date.parse(since), Date.parse(until), operationOf(c))
  const next_since = next === undefined ? null : new Date(next).toISOString()
  // Each takes a write of KV. The free plan has 1,000 a day: what is beyond them follows after 00:00 UTC.
  return c.json({ republished, next_since, seconds, kv_writes: republished }, 202)
})

snapshots.post('/v1/snapshots/:task_id/republish', async (c) => {
  readQuery(c.req.url, noQuery)
  const task_id = partOf(c.req.url, 3)
  const status = await republish(task_id, operationOf(c))
  if (status !== 'accepted') throw status === 'unknown' ? unknownTask() : notFinished()
  return c.json({ status, task_id }, 202)
})

snapshots.delete('/v1/snapshots/:task_id', async (c) => {
  readQuery(c.req.url, noQuery)
  await removeSnapshot(partOf(c.req.url, 3), operationOf(c))
  return c.body(null, 204)
})

/** The record once it is finished, or what there is when the time is up. KV answers while D1 does not. */
async function waitForRecord(env: Env, taskId: string, ms: number): Promise<string | undefined> {
  const until = Date.now() + ms
  for (let pause = FIRST_WAIT_MS; ; pause = Math.min(pause * WAIT_GROWTH, LONGEST_WAIT_MS)) {
    const left = until - Date.now()
    const found = await findAnywhere(env, taskId, left <= 0 || pause === FIRST_WAIT_MS)
    if (found && found.status !== 'pending') return found.record
    if (left <= 0 && found === null)
      throw unavailable('D1 does not answer, and KV does not have the record. Ask again in a moment.')
    if (left <= 0) return found?.record
    await scheduler.wait(Math.min(pause, left))
  }
}

/**
 * `null` where neither D1 nor KV can tell.
 * @param askKv where D1 fails: at first and at last only, since an edge remembers a miss for a minute
 */
async function findAnywhere(env: Env, taskId: string, askKv: boolean): Promise<Stored | null | undefined> {
  try {
    return await findRecord(env.DB, taskId)
  } catch (error) {
    log('error', 'read.failed', { store: 'd1', task_id: taskId, why: messageOf(error) })
    const record = askKv ? await recordFromKv(env.RESULTS, taskId) : null
    return record === null ? null : { status: 'completed', record }
  }
}

async function recordFromKv(results: KVNamespace, taskId: string): Promise<string | null> {
  try {
    return await withDeadline(results.get(taskId), KV_DEADLINE_MS, 'KV')
  } catch (error) {
    log('error', 'read.failed', { store: 'kv', task_id: taskId, why: messageOf(error) })
    return null
  }
}

function unknownTask(): ProblemError {
  return notFound('No task with this id is known yet. Its callback may still arrive: ask again, or wait for its event.')
}

function notFinished(): ProblemError {
  const detail = 'The task is pending, so there is nothing to publish. It is published when it has finished.'
  return new ProblemError({ code: 'not_finished', detail })
}
