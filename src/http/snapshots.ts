/** `/v1/snapshots`: the results, for whoever has the API token. */
import { Hono } from 'hono'
import { log, messageOf } from '../log.ts'
import type { Env } from '../settings.ts'
import { withDeadline } from '../deadline.ts'
import { findRecord } from '../store/snapshots.ts'
import { decodePath } from './path.ts'
import { notFound, problem } from './problem.ts'

const KV_DEADLINE_MS = 2_000

export const snapshots = new Hono<{ Bindings: Env }>()

snapshots.get('/v1/snapshots/:task_id', async (c) => {
  // Hono decodes less than all of a path (`%2F`, `%25`), and a task_id may hold anything.
  const taskId = decodePath(new URL(c.req.url).pathname.slice('/v1/snapshots/'.length))
  try {
    const record = await findRecord(c.env.DB, taskId)
    return record === undefined ? unknownTask() : json(record)
  } catch (error) {
    log('error', 'read.failed', { store: 'd1', why: messageOf(error) })
    const record = await recordFromKv(c.env.RESULTS, taskId)
    return record === null ? unavailable() : json(record)
  }
})

async function recordFromKv(results: KVNamespace, taskId: string): Promise<string | null> {
  try {
    return await withDeadline(results.get(taskId), KV_DEADLINE_MS, 'KV')
  } catch (error) {
    log('error', 'read.failed', { store: 'kv', why: messageOf(error) })
    return null
  }
}

function json(record: string): Response {
  return new Response(record, { headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })
}

function unknownTask(): Response {
  return notFound('No such task is known yet. Its callback may still come: ask again, or wait for its event.')
}

function unavailable(): Response {
  return problem({
    code: 'storage_unavailable',
    status: 503,
    title: 'The store does not answer',
    detail: 'D1 cannot answer now, and KV has no such record. Ask again in a moment.',
    headers: { 'retry-after': '2' },
  })
}
