/** The Worker, called as the runtime calls it, with everything that it left for after its answer done. */
import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { SnapshotEvent, SnapshotRecord } from '../src/event.ts'
import worker from '../src/worker.ts'
import { CALLBACK_URL } from './callbacks.ts'

type Settings = Record<string, unknown>

/** @param settings replace those of vitest.config.ts; bindings too */
export async function request(url: string, init: RequestInit = {}, settings: Settings = {}): Promise<Response> {
  const ctx = createExecutionContext()
  const answer = await worker.fetch(new Request(url, init), { ...env, ...settings }, ctx)
  await waitOnExecutionContext(ctx)
  return answer
}

export async function deliver(body: unknown, settings: Settings = {}): Promise<Response> {
  const raw = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  return request(CALLBACK_URL, { method: 'POST', body: raw as string }, settings)
}

export async function read(taskId: string, settings: Settings = {}): Promise<Response> {
  const url = `https://receiver.test/v1/snapshots/${encodeURIComponent(taskId)}`
  return request(url, { headers: { authorization: 'Bearer test-token' } }, settings)
}

/** D1 stores by its own clock, which no test can set: a task as if stored at `ms`, in milliseconds. */
export async function storedAt(ms: number, taskId: string): Promise<void> {
  await env.DB.prepare('UPDATE snapshots SET place = ?1 WHERE task_id = ?2')
    .bind(ms * 1000, taskId)
    .run()
}

/** As the queue hands over in a minute: a batch takes more than a second. */
const MOST_SLICES = 24

/**
 * A minute, and every job that it asks for: INTAKE hands each to the Worker at once, except where the settings have an
 * INTAKE of their own.
 * @param minute of the hour: a third one drains ASIDE, a whole hour tries poison again
 */
export async function cron(minute = 1, settings: Settings = {}): Promise<void> {
  const jobs: unknown[] = []
  const all = {
    ...env,
    INTAKE: { send: async (job: unknown) => void jobs.push(job) },
    ...settings,
  } as unknown as typeof env
  const scheduledTime = new Date(Date.UTC(2026, 0, 1, 0, minute))
  await worker.scheduled(createScheduledController({ scheduledTime }), all)
  for (let slice = 0; slice < MOST_SLICES && jobs.length > 0; slice += 1) {
    const body = jobs.shift()
    const message = { id: '', timestamp: new Date(), attempts: 1, body, ack() {}, retry: () => jobs.push(body) }
    await worker.queue({ queue: 'zego-snapshots-intake', messages: [message] } as never, all)
  }
}

export async function rows<Row = Record<string, unknown>>(sql: string): Promise<Row[]> {
  return (await env.DB.prepare(sql).all<Row>()).results
}

export async function recordInKv(taskId: string): Promise<SnapshotRecord | null> {
  return env.RESULTS.get<SnapshotRecord>(taskId, 'json')
}

const arrived: SnapshotEvent[] = []

/** The events of a task that have reached a consumer: at least as many as are waited for. */
export async function events(taskId: string, waitFor = 1): Promise<SnapshotEvent[]> {
  const found = () => arrived.filter(({ subject }) => subject === taskId)
  for (let patience = 100; patience > 0 && found().length < waitFor; patience -= 1) {
    await scheduler.wait(20)
    arrived.push(...(await (await env.CONSUMER.fetch('https://consumer.test/')).json<SnapshotEvent[]>()))
  }
  return found()
}
