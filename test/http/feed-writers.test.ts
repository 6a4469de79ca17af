/** The feed while very many write: each record is read once, and again only when it has changed. None is skipped. */
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import type { SnapshotRecord } from '../../src/event.ts'
import type { IntakeMessage } from '../../src/jobs.ts'
import worker from '../../src/worker.ts'
import { signedCallback } from '../callbacks.ts'
import { deliver, rows } from '../worker.ts'
import { del, get, post } from './api.ts'

type Page = { items: SnapshotRecord[]; next_cursor: string }

/** MODEL_TASKS asks for more. */
const CALLBACKS = Number((env as { MODEL_TASKS?: string }).MODEL_TASKS ?? 500)
const AT_ONCE = 25

const held: IntakeMessage[] = []
const INTAKE = { send: async (message: IntakeMessage) => void held.push(message) }
const NO_D1 = { DB: { prepare: () => ({ bind: () => ({}) }), batch: () => Promise.reject(new Error('down')) } }

async function settleHeld(): Promise<void> {
  const messages = held.splice(0).map((body, n) => ({
    id: String(n),
    timestamp: new Date(),
    body,
    attempts: 1,
    ack() {},
    retry() {},
  }))
  if (messages.length > 0) await worker.queue({ queue: 'zego-snapshots-intake', messages } as never, env)
}

/** Reads whatever has come, page by page, and remembers each record as it was read. */
function reader(limit: number) {
  const seen: string[] = []
  let cursor = ''
  async function read(): Promise<void> {
    const page = await (await get(`/v1/snapshots?order=oldest&limit=${limit}${cursor}`)).json<Page>()
    cursor = `&cursor=${page.next_cursor}`
    seen.push(...page.items.map((item) => JSON.stringify(item)))
    if (page.items.length === limit) await read()
  }
  return { seen, read }
}

async function replaceOne(task_id: string): Promise<void> {
  await deliver(signedCallback({ task_id, vendor: 'hw' }))
  const [entry] = await rows<{ id: string }>(`SELECT id FROM quarantine WHERE task_id = '${task_id}'`)
  await post(`/v1/quarantine/${entry!.id}/retry?replace=true`)
}

/** One in five waits for D1; of the others one in twelve is replaced, and one in fifteen deleted. */
async function write(n: number): Promise<void> {
  const task_id = `t${n}`
  const isBuffered = n % 5 === 0
  await deliver(signedCallback({ task_id }), isBuffered ? { ...NO_D1, INTAKE } : {})
  if (!isBuffered && n % 12 === 0) await replaceOne(task_id)
  if (!isBuffered && n % 15 === 1) await del(`/v1/snapshots/${task_id}`)
}

it('skips none, and repeats only what has changed', { timeout: 240_000 }, async () => {
  await get('/v1/snapshots')
  const readers = [reader(7), reader(100)]
  for (let n = 0; n < CALLBACKS; n += AT_ONCE) {
    const writes = Array.from({ length: AT_ONCE }, (_, next) => write(n + next))
    await Promise.all([...writes, settleHeld(), ...readers.map(({ read }) => read())])
  }
  await settleHeld()
  const stored = await rows<{ task_id: string; record: string }>('SELECT task_id, record FROM snapshots')
  expect(stored.length).toBeGreaterThan(CALLBACKS * 0.9)
  for (const { read, seen } of readers) {
    await read()
    expect(new Set(seen).size).toBe(seen.length)
    expect(stored.filter(({ record }) => !seen.includes(record)).map(({ task_id }) => task_id)).toEqual([])
  }
})
