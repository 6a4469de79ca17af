import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { claim, verdict } from '../src/store/installation.ts'
import worker from '../src/worker.ts'
import { signedCallback } from './callbacks.ts'
import { visitor } from './dashboard/visitor.ts'
import { get } from './http/api.ts'
import { cron, deliver, recordInKv, request, rows } from './worker.ts'

const HOUR = 3_600_000
/** Each test begins on a day of its own, since health keeps its verdict, and all of them before D1's own clock. */
const today = Date.now()
let start = today
const hours = (n: number) => vi.setSystemTime(start + n * HOUR)

/** Another isolate knows nothing yet. */
const newIsolate = () => Object.assign(verdict, { isForeign: false, until: 0, lookingUntil: 0 })
const production = { VERSION: { id: 'production' } }
/** As `wrangler deploy --env staging` makes it: the same database and queues, KV of its own. */
const staging = {
  RESULTS: env.OTHER_RESULTS,
  ASIDE: env.OTHER_ASIDE,
  VERSION: { id: 'staging', tag: '', timestamp: '' },
}

/** @param version what another deploy or secret makes of it */
async function deployed<Value>(settings: object, work: (settings: Record<string, unknown>) => Promise<Value>) {
  newIsolate()
  return work({ ...settings })
}

const asideOf = async (kv: KVNamespace) => (await kv.list()).keys.length
const stored = async () => (await rows('SELECT task_id FROM snapshots ORDER BY place')).map(({ task_id }) => task_id)
const healthOf = async (settings: object) => {
  const answer = await request('https://receiver.test/healthz', {}, { ...settings })
  return [answer.status, await answer.json()]
}

beforeEach(() => {
  start -= 48 * HOUR
  vi.useFakeTimers({ now: start, toFake: ['Date'] })
  newIsolate()
})

/** Production, where `staging` or the next version comes to its database. */
const aliveInProduction = () => claim(env.DB, 'production', Date.now())

/** A result that is published, and one that still waits for KV and the queue. */
async function inProduction(): Promise<void> {
  await deliver(signedCallback({ task_id: 'published' }), production)
  vi.spyOn(env.EVENTS, 'send').mockRejectedValueOnce(new Error('down'))
  vi.spyOn(env.RESULTS, 'put').mockRejectedValueOnce(new Error('down'))
  await deliver(signedCallback({ task_id: 'waits' }), production)
  vi.restoreAllMocks()
  hours(2)
  await aliveInProduction()
}

describe('a Worker on the database of another one', () => {
  beforeEach(inProduction)

  it('publishes nothing of it, purges nothing, and says why in the log', async () => {
    const log = vi.spyOn(console, 'error')
    await deployed({ ...staging, RETENTION_DAYS: '0' }, (settings) => cron(0, settings))
    hours(24 * 20)
    await aliveInProduction()
    await deployed({ ...staging, RETENTION_DAYS: 1 }, (settings) => cron(0, settings))
    expect(await stored()).toEqual(['published', 'waits'])
    expect(await env.OTHER_RESULTS.get('waits')).toBeNull()
    expect(await rows('SELECT event_due IS NULL AS sent FROM snapshots')).toEqual([{ sent: 1 }, { sent: 0 }])
    expect(log.mock.calls.flat().join()).toMatch(/"database.foreign".*belongs to another installation.*npm run deploy/)
    await deployed(production, (settings) => cron(1, settings))
    expect(await recordInKv('waits')).not.toBeNull()
  })

  it('says so in health, and on the health page with what to do', async () => {
    newIsolate()
    expect(await healthOf(staging)).toEqual([503, { status: 'unhealthy', parts: ['settings'] }])
    const someone = visitor({ ...staging })
    await someone.signIn()
    const page = await (await someone.open('/health')).text()
    expect(page).toContain('the database is of another installation')
    expect(page).toContain('npm run deploy -- --name')
  })

  it('reads and changes nothing of it over HTTP', async () => {
    newIsolate()
    for (const path of ['/v1/snapshots/published', '/v1/snapshots', '/v1/quarantine', '/v1/status']) {
      const answer = await get(path, { ...staging })
      expect([path, answer.status]).toEqual([path, 503])
      expect(await answer.json()).toMatchObject({ code: 'not_configured', setting: 'DB' })
    }
  })

  it('accepts callbacks into its own ASIDE, past the queue that leads there', async () => {
    newIsolate()
    const send = vi.spyOn(env.INTAKE, 'send')
    expect((await deliver(signedCallback({ task_id: 'staged' }), { ...staging })).status).toBe(202)
    expect(send).not.toHaveBeenCalled()
    expect([await stored(), await asideOf(env.OTHER_ASIDE)]).toEqual([['published', 'waits'], 1])
  })

  it('is found by one look for fifty requests at once, none of which goes past it', async () => {
    newIsolate()
    const prepare = vi.spyOn(env.DB, 'prepare')
    const tasks = Array.from({ length: 50 }, (_, n) => signedCallback({ task_id: `at once ${n}` }))
    const answers = await Promise.all(tasks.map((callback) => deliver(callback, { ...staging })))
    expect(answers.map(({ status }) => status)).toEqual(tasks.map(() => 202))
    expect([prepare.mock.calls.length, await stored()]).toEqual([1, ['published', 'waits']])
  })

  it('gives back what INTAKE brings it, and acknowledges nothing that it has not kept', async () => {
    newIsolate()
    const fates: string[] = []
    const body = { kind: 'callback', received_at: Date.now(), body: JSON.stringify(signedCallback()) }
    const message = { id: '1', attempts: 1, body, ack: () => fates.push('ack'), retry: () => fates.push('retry') }
    await worker.queue({ queue: 'zego-snapshots-intake', messages: [message] } as never, { ...env, ...staging })
    expect([fates, await stored()]).toEqual([['retry'], ['published', 'waits']])
  })

  it('takes its place when that is gone, by itself, and loses none of the callbacks that waited', async () => {
    await deliver(signedCallback({ task_id: 'staged' }), { ...staging })
    for (const minutes of [5, 10, 15]) {
      vi.setSystemTime(start + 2 * HOUR + minutes * 60_000)
      await cron(minutes, { ...staging })
      expect(await stored()).not.toContain('staged')
    }
    vi.setSystemTime(start + 2 * HOUR + 20 * 60_000)
    await cron(20, { ...staging })
    expect(await stored()).toContain('staged')
    expect(await healthOf(staging)).toEqual([200, { status: 'ok' }])
    expect(await asideOf(env.OTHER_ASIDE)).toBe(0)
    hours(3)
    expect(await deployed(staging, (settings) => deliver(signedCallback(), settings))).toMatchObject({ status: 200 })
  })

  it('is not taken for its own by a job that ran before there was a result to compare', async () => {
    start += 4 * HOUR
    hours(0)
    await env.DB.prepare('DELETE FROM snapshots').run()
    await deliver(signedCallback({ task_id: 'young' }), production)
    await aliveInProduction()
    newIsolate()
    await cron(5, { ...staging })
    expect(await healthOf(staging)).toEqual([200, { status: 'ok' }])
    hours(0.2)
    await cron(6, { ...staging })
    expect(await healthOf(staging)).toMatchObject([503, { parts: ['settings'] }])
  })

  it('does not notice while KV fails or hangs, since no callback may be refused for that', async () => {
    newIsolate()
    vi.spyOn(env.OTHER_RESULTS, 'get').mockRejectedValueOnce(new Error('KV is down'))
    expect((await deliver(signedCallback({ task_id: 'a' }), { ...staging })).status).toBe(200)
    vi.setSystemTime(Date.now() + 61_000)
    expect((await deliver(signedCallback({ task_id: 'b' }), { ...staging })).status).toBe(202)
    vi.spyOn(env.OTHER_RESULTS, 'get').mockReturnValue(new Promise<never>(() => {}))
    vi.setSystemTime(Date.now() + 61_000)
    expect((await deliver(signedCallback({ task_id: 'c' }), { ...staging })).status).toBe(202)
  })
})

describe('a Worker on its own database', () => {
  const works = async (settings: object) => {
    newIsolate()
    const task_id = crypto.randomUUID()
    return (await deliver(signedCallback({ task_id }), { ...settings })).status === 200
  }

  it('works from its first callback on, and after any number of deploys without a result', async () => {
    for (const id of ['first', 'second']) expect(await works({ VERSION: { id } })).toBe(true)
    hours(2)
    for (const id of ['third', 'fourth']) expect(await works({ VERSION: { id } })).toBe(true)
  })

  it('is known again after a deploy by one result in KV, while the version before is alive', async () => {
    for (const task_id of ['a', 'b', 'c']) await deliver(signedCallback({ task_id }), production)
    for (const task_id of ['b', 'c']) await env.RESULTS.delete(task_id)
    hours(2)
    await aliveInProduction()
    expect(await works({ VERSION: { id: 'next' } })).toBe(true)
    expect(await rows(`SELECT value FROM state WHERE name = 'installation'`)).toEqual([{ value: 'next' }])
  })

  it('tells every five minutes that it is alive', async () => {
    const alive = async () => rows(`SELECT value, changed_at FROM state WHERE name = 'installation'`)
    await cron(1, production)
    hours(1)
    await cron(1, production)
    const before = await alive()
    hours(2)
    await cron(4, production)
    expect(await alive()).toEqual(before)
    await cron(5, production)
    expect(await alive()).toEqual([{ value: 'production', changed_at: Date.now() }])
  })

  it('works on one with results from elsewhere, which no Worker was alive on', async () => {
    await deliver(signedCallback({ task_id: 'a' }), production)
    await env.RESULTS.delete('a')
    await env.DB.prepare('DELETE FROM state').run()
    hours(2)
    expect(await works({ VERSION: { id: 'imported' } })).toBe(true)
  })

  it('stays known when RESULTS is emptied, and looks into KV no more', async () => {
    await deliver(signedCallback({ task_id: 'a' }), production)
    hours(2)
    expect(await works(production)).toBe(true)
    await env.RESULTS.delete('a')
    const read = vi.spyOn(env.RESULTS, 'get')
    expect(await works(production)).toBe(true)
    expect(read).not.toHaveBeenCalled()
    const prepare = vi.spyOn(env.DB, 'prepare')
    hours(30)
    await deliver(signedCallback({ task_id: 'b' }), production)
    expect(prepare.mock.calls.flat().filter((sql) => sql.includes('installation'))).toEqual([])
  })

  it.each([
    ['have not reached KV yet', `kv_due = 9e15`],
    ['KV refused', `kv_refused = 'too large'`],
    ['have expired in KV', `kv_until = place / 1000`],
    ['are pending', `status = 'pending'`],
  ])('does not miss results that %s', async (_title, state) => {
    await deliver(signedCallback({ task_id: 'a' }), production)
    await env.RESULTS.delete('a')
    await env.DB.prepare(`UPDATE snapshots SET ${state}`).run()
    hours(2)
    await aliveInProduction()
    expect(await works({ VERSION: { id: 'next' } })).toBe(true)
  })

  it('answers in time while D1 hangs at its first look', async () => {
    await deliver(signedCallback({ task_id: 'a' }), production)
    newIsolate()
    const hang = () => new Promise<never>(() => {})
    vi.spyOn(env.DB, 'prepare').mockReturnValue({ bind: () => ({ first: hang, run: hang }) } as never)
    vi.spyOn(env.DB, 'batch').mockImplementation(hang)
    expect((await deliver(signedCallback({ task_id: 'b' }), production)).status).toBe(202)
  })
})
