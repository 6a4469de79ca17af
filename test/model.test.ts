/** Any interleaving of deliveries, repeats, forgeries, faults and sweeps ends as a model of ten lines says. */
import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import type { SnapshotEvent } from '../src/event.ts'
import type { IntakeMessage } from '../src/jobs.ts'
import worker from '../src/worker.ts'
import { type Store, type Watch, watched } from '../tools/lib/stores.ts'
import { type Fields, signedCallback } from './callbacks.ts'
import { cron, deliver, rows } from './worker.ts'

/** How a store fails: before it does anything, or after it has taken the write. */
type Fault = 'before' | 'after'

type Step =
  | { do: 'deliver'; task: number; again: 'signed anew' | 'repeated' }
  | { do: 'forge' | 'conflict'; task: number }
  | { do: 'break'; store: Store; fault: Fault }
  | { do: 'mend'; store: Store }
  | { do: 'sweep' | 'consume' }

/** D1 most of all: without it the others are not asked. */
const anyStore = fc.constantFrom<Store[]>('D1', 'D1', 'D1', 'INTAKE', 'ASIDE', 'RESULTS', 'EVENTS')
const task = fc.nat({ max: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('deliver' as const),
      task,
      again: fc.constantFrom('signed anew', 'repeated'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('forge' as const, 'conflict' as const), task }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('break' as const),
      store: anyStore,
      fault: fc.constantFrom('before', 'after'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mend' as const), store: anyStore }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('sweep' as const, 'consume' as const) }) },
)

/** The real stores, which can be told to fail; the queues are held, so that the steps decide when they deliver. */
function world() {
  const faults = new Map<Store, Fault>()
  const sent: SnapshotEvent[] = []
  const held: { body: IntakeMessage; attempts: number }[] = []
  const EVENTS = { send: async (event: SnapshotEvent) => void sent.push(event) } as never
  const INTAKE = { send: async (body: IntakeMessage) => void held.push({ body, attempts: 0 }) } as never
  const breaking: Watch = async ({ store }, work) => {
    const fault = faults.get(store)
    if (fault === 'before') throw new Error(`${store} is down`)
    const value = await work()
    if (fault === 'after') throw new Error('Network connection lost.')
    return value
  }
  const stores = watched({ ...env, EVENTS, INTAKE }, breaking)

  async function consume(): Promise<void> {
    const messages = held.splice(0).map((message, n) => ({
      id: String(n),
      timestamp: new Date(),
      body: message.body,
      attempts: (message.attempts += 1),
      ack() {},
      retry: () => held.push(message),
    }))
    await worker.queue({ queue: 'zego-snapshots-intake', messages, ackAll() {}, retryAll() {} } as never, {
      ...env,
      ...stores,
    })
  }
  return { faults, sent, held, consume, stores }
}

it(
  'ends with each acknowledged task in D1, in KV and in an event, and with nothing forged',
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 40 }), async (steps) => {
        await reset()
        await cron()
        let minute = 1
        const { faults, sent, held, consume, stores } = world()
        vi.useFakeTimers({ now: Date.UTC(2026, 0, 1), toFake: ['Date'] })

        // The model: what was acknowledged is there in the end, with its own content; what was forged is not.
        const genuine = new Map<number, Fields>()
        const acknowledged = new Set<number>()
        const settled = new Set<number>()
        for (const one of steps) {
          vi.setSystemTime(Date.now() + 1_000)
          if (one.do === 'deliver') {
            const task_id = `task ${one.task}`
            const last = genuine.get(one.task)
            const callback = last && one.again === 'repeated' ? last : signedCallback({ task_id })
            if (callback !== last) settled.delete(one.task) // whoever settles its signature first wins, without asking ZEGOCLOUD
            genuine.set(one.task, callback)
            const { status } = await deliver(callback, stores)
            expect([200, 202, 503]).toContain(status)
            if (status < 300) acknowledged.add(one.task)
            if (status === 200) settled.add(one.task)
          } else if (one.do === 'forge' && settled.has(one.task)) {
            const { status } = await deliver({ ...genuine.get(one.task)!, task_id: `forged ${one.task}` }, stores)
            expect([409, 202, 503]).toContain(status)
          } else if (one.do === 'conflict' && settled.has(one.task)) {
            await deliver(signedCallback({ task_id: `task ${one.task}`, snapshot_pic_list: '[]' }), stores)
          } else if (one.do === 'break') faults.set(one.store, one.fault)
          else if (one.do === 'mend') faults.delete(one.store)
          else if (one.do === 'sweep') await cron((minute += 1), stores)
          else if (one.do === 'consume') await consume()
        }

        faults.clear()
        for (let rounds = 0; rounds < 12; rounds += 1) {
          vi.setSystemTime(Date.now() + 3_600_000)
          if (held.length > 0) await consume()
          await cron(rounds % 2 === 0 ? 10 : 60, stores)
        }
        const expected = Array.from(acknowledged, (n) => `task ${n}`).toSorted()
        const stored = await rows<{ task_id: string; record: string }>(
          'SELECT task_id, record FROM snapshots ORDER BY task_id',
        )
        expect(stored.map((row) => row.task_id).filter((id) => expected.includes(id))).toEqual(expected)
        expect(
          stored.filter((row) => row.task_id.startsWith('forged') || row.record.includes('"snapshot_pic_list":[]')),
        ).toEqual([])
        for (const { task_id, record } of stored) expect(await env.RESULTS.get(task_id)).toBe(record)
        expect([...new Set(sent.map(({ subject }) => subject))].toSorted()).toEqual(stored.map((row) => row.task_id))
        expect((await env.ASIDE.list()).keys).toEqual([])
        expect(held).toEqual([])
        vi.useRealTimers()
      }),
      { numRuns: 15, endOnFailure: true },
    )
  },
)
