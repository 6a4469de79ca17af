/** The free plan gives an invocation 50 subrequests and 50 queries of D1: each statement of a batch is one. */
import { createScheduledController } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it, vi } from 'vitest'
import worker from '../src/worker.ts'
import { type Watch, watched } from '../tools/lib/stores.ts'
import { signedCallback } from './callbacks.ts'
import { cron, deliver, request, rows } from './worker.ts'

const LIMIT = 50

type Used = { queries: number; subrequests: number }

/** Stores that count what one invocation uses. INTAKE holds what it is sent. */
function metered() {
  const used: Used = { queries: 0, subrequests: 0 }
  const sent: unknown[] = []
  const count: Watch = async ({ statements }, work) => {
    used.subrequests += 1
    used.queries += statements.length
    return work()
  }
  const INTAKE = { send: async (body: unknown) => void sent.push(body) } as never
  return {
    used,
    sent,
    all: { ...env, ...watched({ ...env, INTAKE }, count), VERSION: { timestamp: '2099-01-01' } } as typeof env,
  }
}

/** One batch; what it used, and what comes again or was asked for. */
async function consume(bodies: readonly unknown[]): Promise<{ used: Used; next: unknown[] }> {
  const { used, sent, all } = metered()
  const next: unknown[] = []
  const messages = bodies.map((body, n) => {
    return { id: `${n}`, timestamp: new Date(), attempts: 1, body, ack() {}, retry: () => next.push(body) }
  })
  await worker.queue({ queue: 'zego-snapshots-intake', messages } as never, all)
  return { used, next: [...next, ...sent] }
}

function expectWithin({ queries, subrequests }: Used): void {
  expect(queries).toBeLessThanOrEqual(LIMIT)
  expect(subrequests).toBeLessThanOrEqual(LIMIT)
}

it('holds for a minute in which everything is due, and for each of the batches that follow it', async () => {
  const refused = () => Promise.reject(new Error('down'))
  const broken = { RESULTS: { put: refused, delete: refused }, EVENTS: { send: refused } }
  await cron()
  for (let n = 0; n < 30; n += 1) await deliver(signedCallback({ task_id: `due ${n}` }), broken)
  for (let n = 0; n < 30; n += 1) {
    const init = { method: 'DELETE', headers: { authorization: 'Bearer test-token' } }
    await deliver(signedCallback({ task_id: `deleted ${n}` }))
    await request(`https://receiver.test/v1/snapshots/deleted%20${n}`, init, broken)
  }
  for (let n = 0; n < 8; n += 1) await deliver({ ...signedCallback({ task_id: `refused ${n}` }), signature: `${n}` })
  for (let n = 0; n < 30; n += 1) {
    const value = { body: JSON.stringify(signedCallback({ task_id: `aside ${n}` })), received_at: Date.now() }
    await env.ASIDE.put(`${n % 2 ? 'waiting' : 'parked'}:${n}`, JSON.stringify(value))
  }
  vi.useFakeTimers({ now: Date.now() + 600_000, toFake: ['Date'] })
  const { used, sent, all } = metered()
  await worker.scheduled(createScheduledController({ scheduledTime: new Date(Date.UTC(2026, 0, 1)) }), all)
  expectWithin(used)
  let waiting = sent
  for (let batch = 0; batch < 60 && waiting.length > 0; batch += 1) {
    const { used: each, next } = await consume(waiting.slice(0, 10))
    expectWithin(each)
    waiting = [...waiting.slice(10), ...next]
  }
  expect(await rows(`SELECT count(*) AS n FROM snapshots WHERE publish_at IS NULL`)).toEqual([{ n: 60 }])
}, 120_000)

it('holds for a batch of ten conflicts, each of which is kept', async () => {
  await deliver(signedCallback({ task_id: 'task' }))
  const conflicts = Array.from({ length: 10 }, (_, n) => ({
    kind: 'callback',
    body: JSON.stringify(signedCallback({ task_id: 'task', field_id: `${n}` })),
    received_at: Date.now() + n,
  }))
  let waiting: readonly unknown[] = conflicts
  for (let batch = 0; batch < 4 && waiting.length > 0; batch += 1) {
    const { used, next } = await consume(waiting)
    expectWithin(used)
    waiting = next
  }
  const asked = `SELECT count(*) AS n FROM quarantine WHERE reason = 'conflict' AND ask_due IS NOT NULL`
  expect(await rows(asked)).toEqual([{ n: 10 }])
})
