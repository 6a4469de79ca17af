/**
 * Any interleaving of deliveries, repeats, forgeries, faults, deploys and operators, in two isolates at once, ends as a
 * model of twenty lines says. MODEL_TASKS sets how many tasks are played.
 */
import { createExecutionContext, createScheduledController, reset, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import type { SnapshotEvent } from '../src/event.ts'
import type { IntakeMessage } from '../src/jobs.ts'
import { type Store, type Watch, watched } from '../tools/lib/stores.ts'
import { CALLBACK_URL, type Fields, signedCallback } from './callbacks.ts'
import { rows } from './worker.ts'

const TASKS_A_RUN = 24
const runs = Math.ceil(Number((env as { MODEL_TASKS?: string }).MODEL_TASKS ?? 240) / TASKS_A_RUN)

/** How a store fails: before it does anything, or after it has taken the write. */
type Fault = 'before' | 'after'

type Step = { at: 0 | 1 } & (
  | { do: 'deliver'; task: number; again: 'signed anew' | 'repeated' }
  | { do: 'forge' | 'conflict' | 'remove' | 'republish'; task: number }
  | { do: 'break'; store: Store; fault: Fault }
  | { do: 'mend'; store: Store }
  | { do: 'deploy'; secret: string }
  | { do: 'sweep' | 'consume' | 'accept' }
)

/** D1 most of all: without it the others are not asked. */
const anyStore = fc.constantFrom<Store[]>('D1', 'D1', 'D1', 'INTAKE', 'ASIDE', 'RESULTS', 'EVENTS')
const task = fc.nat({ max: TASKS_A_RUN - 1 })
const at = fc.constantFrom<(0 | 1)[]>(0, 1)
const does = <const Name extends Step['do']>(...names: Name[]) => fc.constantFrom(...names)
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: does('deliver'), at, task, again: fc.constantFrom('signed anew', 'repeated') }),
  },
  { weight: 5, arbitrary: fc.record({ do: does('forge', 'conflict', 'remove', 'republish'), at, task }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: does('break'), at, store: anyStore, fault: fc.constantFrom('before', 'after') }),
  },
  { weight: 4, arbitrary: fc.record({ do: does('mend'), at, store: anyStore }) },
  { weight: 1, arbitrary: fc.record({ do: does('deploy'), at, secret: fc.constantFrom('secret', 'secret', 'wrong') }) },
  { weight: 7, arbitrary: fc.record({ do: does('sweep', 'consume', 'accept'), at }) },
) as fc.Arbitrary<Step>
/** What happens in one second, at once. */
const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 60, maxLength: 90 })

type Worker = typeof import('../src/worker.ts').default

/** Two sets of module state. */
async function isolates(): Promise<[Worker, Worker]> {
  const { default: one } = await import('../src/worker.ts')
  vi.resetModules()
  const { default: other } = await import('../src/worker.ts')
  expect(other).not.toBe(one)
  return [one, other]
}

/** The real stores, which can be told to fail; the queues are held, so that the steps decide when they deliver. */
function world(workers: [Worker, Worker]) {
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
  const deployed = [{}, {}]
  let version = 0
  let minute = 1
  const settings = (isolate: 0 | 1) => ({ ...env, ...stores, ...deployed[isolate] }) as never

  return {
    faults,
    sent,
    held,
    deploy(isolate: 0 | 1, secret: string) {
      const VERSION = { id: `v${(version += 1)}`, tag: '', timestamp: new Date(Date.now()).toISOString() }
      deployed[isolate] = { VERSION, ZEGO_CALLBACK_SECRET: secret }
    },
    async request(isolate: 0 | 1, path: string, method: string, body?: Fields): Promise<Response> {
      const ctx = createExecutionContext()
      const headers = { authorization: 'Bearer test-token' }
      const url = new URL(path, CALLBACK_URL)
      const init = { method, headers, ...(body && { body: JSON.stringify(body) }) }
      const response = await workers[isolate].fetch(new Request(url, init), settings(isolate), ctx)
      await waitOnExecutionContext(ctx)
      return response
    },
    async consume(isolate: 0 | 1): Promise<void> {
      const messages = held.splice(0).map((message, n) => ({
        id: String(n),
        timestamp: new Date(),
        body: message.body,
        attempts: (message.attempts += 1),
        ack() {},
        retry: () => held.push(message),
      }))
      if (messages.length === 0) return
      const batch = { queue: 'zego-snapshots-intake', messages, ackAll() {}, retryAll() {} }
      await workers[isolate].queue(batch as never, settings(isolate))
    },
    async sweep(isolate: 0 | 1, ofHour = (minute += 1)): Promise<void> {
      const scheduledTime = new Date(Date.UTC(2026, 0, 1, 0, ofHour))
      await workers[isolate].scheduled(createScheduledController({ scheduledTime }), settings(isolate))
    },
  }
}

/** What is promised: what was acknowledged is there in the end with its own content; what was forged is not. */
class Model {
  readonly genuine = new Map<number, Fields>()
  readonly acknowledged = new Set<number>()
  /** Whose signature the ledger has. */
  readonly settled = new Map<number, Fields>()
  /** Answered 204, and nothing else of the task was under way. */
  readonly removed = new Set<number>()
  /** Another authentic content, or none, may stand here too: an operator had a hand in it. */
  readonly open = new Set<number>()
}

const idOf = (n: number) => `task ${n}`
const OTHER_CONTENT = { snapshot_pic_list: '[]' }

async function play(one: Step, round: readonly Step[], model: Model, given: ReturnType<typeof world>): Promise<void> {
  switch (one.do) {
    case 'deliver': {
      const last = model.genuine.get(one.task)
      const callback = last && one.again === 'repeated' ? last : signedCallback({ task_id: idOf(one.task) })
      model.genuine.set(one.task, callback)
      const { status } = await given.request(one.at, '/zego/callback', 'POST', callback)
      expect([200, 202, 401, 503]).toContain(status)
      if (status < 300) model.acknowledged.add(one.task)
      if (status === 200) model.settled.set(one.task, callback)
      return
    }
    case 'forge': {
      const used = model.settled.get(one.task)
      if (!used) return
      const forged = { ...used, task_id: `forged ${one.task}` }
      const { status } = await given.request(one.at, '/zego/callback', 'POST', forged)
      expect([409, 202, 401, 503]).toContain(status)
      return
    }
    case 'conflict': {
      if (!model.settled.has(one.task)) return
      const other = signedCallback({ task_id: idOf(one.task), ...OTHER_CONTENT })
      await given.request(one.at, '/zego/callback', 'POST', other)
      if (model.removed.has(one.task)) model.open.add(one.task)
      return
    }
    case 'remove': {
      if (!model.settled.has(one.task)) return
      const isAlone = round.every((each) => each === one || !('task' in each) || each.task !== one.task)
      const { status } = await given.request(one.at, `/v1/snapshots/${encodeURIComponent(idOf(one.task))}`, 'DELETE')
      model.removed.add(one.task)
      if (status !== 204 || !isAlone) model.open.add(one.task)
      return
    }
    case 'republish':
      await given.request(one.at, `/v1/snapshots/${encodeURIComponent(idOf(one.task))}/republish`, 'POST')
      return
    case 'accept': {
      const list = await given.request(one.at, '/v1/quarantine?reason=conflict', 'GET')
      if (!list.ok) return
      const { items } = await list.json<{ items: { id: string; task_id: string }[] }>()
      const [entry] = items
      if (!entry) return
      model.open.add(Number(entry.task_id.slice('task '.length)))
      await given.request(one.at, `/v1/quarantine/${encodeURIComponent(entry.id)}/retry?replace=true`, 'POST')
      return
    }
    case 'break':
      given.faults.set(one.store, one.fault)
      return
    case 'mend':
      given.faults.delete(one.store)
      return
    case 'deploy':
      given.deploy(one.at, one.secret)
      return
    case 'sweep':
      return given.sweep(one.at)
    case 'consume':
      return given.consume(one.at)
  }
}

async function recover(given: ReturnType<typeof world>): Promise<void> {
  given.faults.clear()
  for (const isolate of [0, 1] as const) given.deploy(isolate, 'secret')
  for (let hour = 0; hour < 14; hour += 1) {
    vi.setSystemTime(Date.now() + 3_600_000)
    await given.sweep(hour % 2 ? 0 : 1, hour % 2 ? 60 : 3)
    for (let batches = 0; batches < 100 && given.held.length > 0; batches += 1) await given.consume(hour % 2 ? 1 : 0)
  }
}

async function verdict({ acknowledged, removed, open }: Model, { sent, held }: ReturnType<typeof world>) {
  const stored = await rows<{ task_id: string; record: string }>('SELECT task_id, record FROM snapshots')
  const ids = stored.map(({ task_id }) => task_id)
  const certain = [...acknowledged].filter((n) => !open.has(n))
  expect(certain.filter((n) => !removed.has(n) && !ids.includes(idOf(n)))).toEqual([])
  expect(certain.filter((n) => removed.has(n) && ids.includes(idOf(n)))).toEqual([])
  expect(ids.filter((id) => id.startsWith('forged'))).toEqual([])
  const replaced = stored.filter(({ record }) => record.includes('"snapshot_pic_list":[]'))
  expect(replaced.filter(({ task_id }) => !open.has(Number(task_id.slice('task '.length))))).toEqual([])
  const { keys } = await env.RESULTS.list()
  expect(keys.map(({ name }) => name)).toEqual(ids.toSorted())
  for (const { task_id, record } of stored) expect([task_id, await env.RESULTS.get(task_id)]).toEqual([task_id, record])
  const told = new Set(sent.map(({ subject }) => subject))
  expect(ids.filter((id) => !told.has(id))).toEqual([])
  expect([...told].filter((id) => id.startsWith('forged'))).toEqual([])
  expect([(await env.ASIDE.list()).keys, held]).toEqual([[], []])
}

it(
  'ends with each acknowledged task in D1, in KV and in an event, and with nothing forged',
  { timeout: 60_000 + runs * 30_000 },
  async () => {
    const workers = await isolates()
    await fc.assert(
      fc.asyncProperty(rounds, async (played) => {
        await reset()
        vi.useFakeTimers({ now: Date.UTC(2026, 0, 1), toFake: ['Date'] })
        const given = world(workers)
        await given.sweep(0)
        for (const isolate of [0, 1] as const) given.deploy(isolate, 'secret')
        const model = new Model()
        for (const round of played) {
          vi.setSystemTime(Date.now() + 1_000)
          await Promise.all(round.map((one) => play(one, round, model, given)))
        }
        await recover(given)
        await verdict(model, given)
        vi.useRealTimers()
      }),
      { numRuns: runs, endOnFailure: true },
    )
  },
)
