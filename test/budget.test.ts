/** The free plan gives an invocation 50 subrequests and 50 queries of D1: each statement of a batch is one. */
import { createScheduledController } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import worker from '../src/worker.ts'
import { type Watch, watched } from '../tools/lib/stores.ts'
import { signedCallback } from './callbacks.ts'
import { refuseBad } from './intake/queue.ts'
import { cron, deliver, read, request, rows } from './worker.ts'
import { finished, ON, playZegocloud, register, tencent, wait } from './zego/zegocloud.ts'

const LIMIT = 50
/** It is written, read and deleted. */
const OPERATIONS_A_MESSAGE = 3

const refused = () => Promise.reject(new Error('down'))
const NO_INTAKE = { INTAKE: { send: refused } }
const NO_KV = { RESULTS: { put: refused, delete: refused } }

type Used = { queries: number; subrequests: number }

const SETTINGS = {
  ...ON,
  RETENTION_DAYS: '10',
  ALERT_URL: 'https://alerts.test/',
  VERSION: { timestamp: '2099-01-01' },
}

/** What one invocation uses. INTAKE holds what it is sent. @param down stores in place of the real ones */
async function use(
  work: (all: typeof env) => Promise<unknown>,
  down: object = {},
): Promise<{ used: Used; sent: unknown[] }> {
  const used: Used = { queries: 0, subrequests: 0 }
  const sent: unknown[] = []
  const count: Watch = async ({ statements }, ask) => {
    used.subrequests += 1
    used.queries += statements.length
    return ask()
  }
  const INTAKE = { send: async (body: unknown) => void sent.push(body) } as never
  const fetches = () => vi.mocked(globalThis.fetch).mock?.calls.length ?? 0
  const before = fetches()
  await work({ ...env, ...watched({ ...env, INTAKE, ...down }, count), ...SETTINGS })
  used.subrequests += fetches() - before
  return { used, sent }
}

const playMinute = (minute: number, down: object = {}) =>
  use((all) => {
    const scheduledTime = new Date(Date.UTC(2026, 0, 1, 0, minute))
    return worker.scheduled(createScheduledController({ scheduledTime }), all)
  }, down)

/** One batch; what it used, and what comes again or was asked for. */
async function consume(
  bodies: readonly unknown[],
  down: object = {},
): Promise<{ used: Used; next: unknown[]; sent: number }> {
  const next: unknown[] = []
  const messages = bodies.map((body, n) => {
    return { id: `${n}`, timestamp: new Date(), attempts: 1, body, ack() {}, retry: () => next.push(body) }
  })
  const { used, sent } = await use(
    (all) => worker.queue({ queue: 'zego-snapshots-intake', messages } as never, all),
    down,
  )
  return { used, next: [...next, ...sent], sent: sent.length }
}

/** Every batch of what waits, until nothing does; how many messages there were. */
async function consumeAll(bodies: readonly unknown[], down: object = {}): Promise<number> {
  let waiting = [...bodies]
  let messages = bodies.length
  for (let batch = 0; batch < 80 && waiting.length > 0; batch += 1) {
    const taken = waiting.slice(0, 10)
    const { used, next, sent } = await consume(taken, down)
    expectWithin(used)
    messages += sent
    waiting = [...waiting.slice(10), ...next]
  }
  expect(waiting).toEqual([])
  return messages
}

function expectWithin({ queries, subrequests }: Used): void {
  expect(queries).toBeLessThanOrEqual(LIMIT)
  expect(subrequests).toBeLessThanOrEqual(LIMIT)
}

/** Some of each kind of queued work, and ten minutes later. */
async function makeAllDue(): Promise<void> {
  const broken = { ...NO_KV, EVENTS: { send: refused } }
  playZegocloud(() => finished('http://pictures.test/1.jpg'))
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
  for (let n = 0; n < 12; n += 1) await register(`registered ${n}`)
  for (let n = 0; n < 30; n += 1) await deliver(signedCallback({ task_id: `old ${n}` }))
  await env.DB.prepare(`UPDATE snapshots SET place = place / 1000 WHERE task_id LIKE 'old%'`).run()
  await wait(10)
  vi.spyOn(Math, 'random').mockReturnValue(0) // the purge begins with the oldest
  vi.useFakeTimers({ now: Date.now() + 600_000, toFake: ['Date'] })
}

const published = () => rows(`SELECT status, count(*) AS n FROM snapshots WHERE publish_at IS NULL GROUP BY status`)

it('holds for a minute in which everything is due, and for each of the batches that follow it', async () => {
  await makeAllDue()
  const { used, sent } = await playMinute(0)
  expectWithin(used)
  const kinds = sent.map((job) => (job as { kind: string }).kind)
  expect(new Set(kinds)).toEqual(new Set(['drain', 'sweep', 'poll', 'removals', 'again', 'purge']))
  await consumeAll(sent)
  expect(await published()).toEqual([{ status: 'completed', n: 72 }])
}, 120_000)

it('holds for each minute in which INTAKE is down, whichever kind works in it', async () => {
  await makeAllDue()
  for (let minute = 0; minute < 60; minute += 1) {
    vi.setSystemTime(Date.now() + 60_000)
    expectWithin((await playMinute(minute, NO_INTAKE)).used)
  }
  expect(await published()).toEqual([{ status: 'completed', n: 57 }]) // poison is tried once an hour
}, 120_000)

it('leaves two thirds of the free plan to callbacks on a day on which KV is down', async () => {
  await makeAllDue()
  await consumeAll((await playMinute(1, NO_KV)).sent, NO_KV)
  let messages = 0
  for (let minute = 61; minute < 121; minute += 1) {
    vi.setSystemTime(Date.now() + 60_000)
    await deliver(signedCallback({ task_id: `minute ${minute}` }), NO_KV)
    messages += await consumeAll((await playMinute(minute, NO_KV)).sent, NO_KV)
  }
  expect(messages * 24 * OPERATIONS_A_MESSAGE).toBeLessThan(10_000 / 3)
}, 120_000)

it('holds for a slice of the buffer that D1 refuses while it takes others', async () => {
  await cron() // makes the schema
  await refuseBad()
  const bodies = Array.from({ length: 10 }, (_, n) => ({
    body: JSON.stringify(signedCallback({ task_id: `${n % 5 === 0 ? 'good' : 'bad'} ${n}` })),
    received_at: Date.now() + n,
  }))
  for (const [n, body] of bodies.entries()) await env.ASIDE.put(`waiting:${n}`, JSON.stringify(body))
  const { sent } = await playMinute(3)
  await consumeAll([...sent, ...bodies.map((body) => ({ kind: 'callback', ...body }))])
  expect((await env.ASIDE.list({ prefix: 'parked:' })).keys).toHaveLength(16)
  expect(await rows(`SELECT count(*) AS n FROM snapshots`)).toEqual([{ n: 2 }])
})

describe('where INTAKE is down, an alert is sent, and each slot at ZEGOCLOUD comes too late twice', () => {
  /** A slot counts for nothing once D1's answer takes longer than 400 ms. */
  function delaySlots(): void {
    let slots = 0
    const prepare = env.DB.prepare.bind(env.DB)
    vi.spyOn(env.DB, 'prepare').mockImplementation((sql) => {
      const statement = prepare(sql)
      if (!sql.includes('INTO turns')) return statement
      const bind = statement.bind.bind(statement)
      return Object.assign(statement, {
        bind: (...values: unknown[]) => {
          const bound = bind(...values)
          const all = bound.all.bind(bound)
          return Object.assign(bound, {
            all: async () => {
              if ((slots += 1) % 3 !== 0) await scheduler.wait(410)
              return all()
            },
          })
        },
      })
    })
  }

  async function pollInTheMinute(): Promise<Used> {
    await deliver({ ...signedCallback(), signature: 'wrong' })
    delaySlots()
    const { used } = await playMinute(0, NO_INTAKE)
    expectWithin(used)
    return used
  }

  it('holds for a slice of registered tasks', async () => {
    playZegocloud(() => finished('http://pictures.test/1.jpg'))
    for (let n = 0; n < 6; n += 1) await register(`registered ${n}`)
    await wait(2)
    const used = await pollInTheMinute()
    expect(used.subrequests).toBeGreaterThan(40)
    expect(await published()).toContainEqual({ status: 'completed', n: 4 })
  })

  it('holds for a dispute whose last body wins, and takes its signature from another task', async () => {
    const genuine = signedCallback({ task_id: 'task' })
    const urls = (JSON.parse(genuine.snapshot_pic_list) as { url: string }[]).map(({ url }) => url)
    playZegocloud(({ query }) => (query.get('TaskId') === 'task' ? finished(...urls) : tencent('FAIL')))
    const forged = (n: number) => JSON.stringify([{ url: `http://evil.test/${n}.jpg` }])
    await deliver({ ...genuine, task_id: 'made up' })
    for (let n = 0; n < 22; n += 1) await deliver(signedCallback({ task_id: 'task', snapshot_pic_list: forged(n) }))
    expect((await deliver(genuine)).status).toBe(409)
    const used = await pollInTheMinute()
    expect(used.queries).toBeGreaterThan(22)
    expect(await (await read('task')).json()).toMatchObject({ via: 'callback', snapshot_pic_list: { length: 2 } })
    expect((await read('made up')).status).toBe(404)
  })
})

it('holds for a batch of ten conflicts, each of which is kept', async () => {
  await deliver(signedCallback({ task_id: 'task' }))
  const conflicts = Array.from({ length: 10 }, (_, n) => ({
    kind: 'callback',
    body: JSON.stringify(signedCallback({ task_id: 'task', field_id: `${n}` })),
    received_at: Date.now() + n,
  }))
  await consumeAll(conflicts)
  const asked = `SELECT count(*) AS n FROM quarantine WHERE reason = 'conflict' AND ask_due IS NOT NULL`
  expect(await rows(asked)).toEqual([{ n: 10 }])
})
