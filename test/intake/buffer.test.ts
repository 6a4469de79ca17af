import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { ASIDE_DEADLINE_MS, INTAKE_DEADLINE_MS } from '../../src/intake/buffer.ts'
import { beginDrain, drain } from '../../src/intake/drain.ts'
import { readSettings } from '../../src/settings.ts'
import { D1_DEADLINE_MS } from '../../src/store/database.ts'
import { signedCallback } from '../callbacks.ts'
import { cron, deliver, events, recordInKv, request, rows } from '../worker.ts'
import { consume, holdIntake, refuseBad } from './queue.ts'

const fail =
  (message = 'down') =>
  () =>
    Promise.reject(new Error(message))
const hang = () => new Promise<never>(() => {})
const isHome = async (task_id: string) =>
  (await rows('SELECT task_id FROM snapshots')).some((row) => row.task_id === task_id)

/** D1 down for writes and for reads. */
function d1Is(down: () => Promise<never>) {
  const batch = vi.spyOn(env.DB, 'batch').mockImplementation(down)
  const prepare = vi.spyOn(env.DB, 'prepare').mockImplementation(
    () =>
      ({
        bind: () => ({ run: down, all: down, first: down, bind: down }),
        run: down,
        all: down,
        first: down,
      }) as never,
  )
  return () => {
    batch.mockRestore()
    prepare.mockRestore()
  }
}

async function takeTask(): Promise<void> {
  await env.DB.prepare('DROP TRIGGER refuse').run()
}

const asideKeys = async () => (await env.ASIDE.list()).keys.map(({ name }) => name.split(':')[0])

describe('a verified callback that D1 does not take', () => {
  it('has deadlines that leave an answer within 5 s, whatever hangs', () => {
    expect(D1_DEADLINE_MS + INTAKE_DEADLINE_MS + ASIDE_DEADLINE_MS).toBeLessThan(5_000)
  })

  it.each([
    ['fails', fail('D1_ERROR: Network connection lost.')],
    ['is overloaded', fail('D1 DB is overloaded. Too many requests queued.')],
    ['hangs', hang],
    ['fails in words of its own', fail('no idea')],
  ])(
    'is accepted by INTAKE when D1 %s, and reaches D1, KV and the queue',
    async (title, down) => {
      const task_id = `intake ${title}`
      const restore = d1Is(down)
      const answer = await deliver(signedCallback({ task_id }))
      expect([answer.status, await answer.json()]).toEqual([202, { status: 'accepted', task_id }])
      restore()
      expect(await events(task_id)).toHaveLength(1)
      expect(await recordInKv(task_id)).toMatchObject({ task_id })
    },
    20_000,
  )

  it.each([
    ['fails', fail()],
    ['hangs', hang],
  ])('is accepted by ASIDE when INTAKE %s too, and drains into D1', async (title, down) => {
    const task_id = `aside ${title}`
    const restore = d1Is(fail())
    const send = vi.spyOn(env.INTAKE, 'send').mockImplementation(down)
    const answer = await deliver(signedCallback({ task_id }))
    expect([answer.status, await answer.json()]).toEqual([202, { status: 'accepted', task_id }])
    expect(await asideKeys()).toEqual(['waiting'])
    restore()
    send.mockRestore()
    await cron(3)
    expect(await isHome(task_id)).toBe(true)
    expect(await asideKeys()).toEqual([])
  })

  it('is refused with 503 only when all three fail', async () => {
    d1Is(fail())
    vi.spyOn(env.INTAKE, 'send').mockImplementation(fail())
    vi.spyOn(env.ASIDE, 'put').mockImplementation(fail())
    const error = vi.spyOn(console, 'error')
    const answer = await deliver(signedCallback())
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2'])
    for (const store of ['intake', 'aside']) expect(error.mock.calls.join()).toContain(`"store":"${store}"`)
    expect(error.mock.calls.join()).toContain('"event":"callback.unsettled"')
    expect(await answer.json()).toMatchObject({ code: 'storage_unavailable' })
  })

  it('goes straight to ASIDE when it is too large for a message', async () => {
    const restore = d1Is(fail())
    const send = vi.spyOn(env.INTAKE, 'send')
    const answer = await deliver({ ...signedCallback({ task_id: 'large' }), padding: 'x'.repeat(130_000) })
    expect(answer.status).toBe(202)
    expect(send).not.toHaveBeenCalled()
    await deliver({ ...signedCallback(), padding: 'x'.repeat(120_000) })
    expect(send).toHaveBeenCalledTimes(1)
    restore()
    await cron(3)
    expect(await isHome('large')).toBe(true)
  })

  it('is not put aside when its signature or its time is wrong', async () => {
    d1Is(fail())
    const held = holdIntake()
    expect((await deliver(signedCallback({}, 'wrong'))).status).toBe(401)
    expect((await deliver(signedCallback({ timestamp: '1000000000' }))).status).toBe(401)
    expect(held).toEqual([])
  })
})

describe('what was put aside', () => {
  /** What INTAKE holds of these callbacks, which arrived while D1 was down. */
  async function whileDown(callbacks: unknown[], at = Date.now()): Promise<unknown[]> {
    vi.useFakeTimers({ now: at, toFake: ['Date'] })
    const restore = d1Is(fail())
    const held = holdIntake()
    for (const callback of callbacks) await deliver(callback)
    restore()
    vi.mocked(env.INTAKE.send).mockRestore()
    return held
  }

  it('is quarantined with its exact bytes, a byte order mark too', async () => {
    const body = `\uFEFF${JSON.stringify(signedCallback({ event: 'compose' }))}`
    await consume(await whileDown([body]))
    expect(await rows('SELECT body FROM quarantine')).toEqual([{ body }])
  })

  it('keeps the time at which it was received, and needs no fresh signature', async () => {
    const received = Date.now() - 11 * 3_600_000
    const timestamp = String(Math.floor(received / 1000))
    const held = await whileDown([signedCallback({ timestamp })], received)
    vi.useRealTimers()
    expect(await consume(held)).toEqual([{ acked: true }])
    const at = new Date(received).toISOString()
    expect(await rows(`SELECT record ->> '$.received_at' AS at FROM snapshots`)).toEqual([{ at }])
  })

  it('is settled in the order in which it was received, the ledger first: the forgery that came second is found', async () => {
    const genuine = signedCallback({ task_id: 'genuine' })
    const [first] = await whileDown([genuine], Date.now())
    const [second] = await whileDown([{ ...genuine, task_id: 'forged' }], Date.now() + 1)
    vi.useRealTimers()
    await consume([second!, first!])
    expect(await rows('SELECT task_id FROM snapshots')).toEqual([{ task_id: 'genuine' }])
    expect(await rows('SELECT reason, task_id FROM quarantine')).toEqual([
      { reason: 'signature_reused', task_id: 'forged' },
    ])
    expect(await events('genuine')).toHaveLength(1)
    expect(await recordInKv('forged')).toBeNull()
  })

  it('asks D1 twice for a batch while it is down, since each would wait as long for it', async () => {
    const held = await whileDown([signedCallback(), signedCallback(), signedCallback()])
    d1Is(fail('D1 DB is overloaded'))
    const warn = vi.spyOn(console, 'warn')
    expect((await consume(held)).map(({ acked }) => acked)).toEqual([false, false, false])
    expect(warn.mock.calls.join()).toContain('"status":"outage","why":"D1 DB is overloaded"')
    expect(env.DB.batch).toHaveBeenCalledTimes(2)
  })

  it('waits longer after each attempt while D1 is down, for almost 12 h', async () => {
    const received = Date.now() - 11.9 * 3_600_000
    const timestamp = String(Math.floor(received / 1000))
    const held = await whileDown([signedCallback({ timestamp })], received)
    vi.useRealTimers()
    d1Is(fail('D1 DB is overloaded'))
    const delays = []
    for (let attempts = 1; attempts < 10; attempts += 1) delays.push((await consume(held, attempts))[0]!.retriedAfter)
    expect(delays).toEqual([10, 20, 40, 80, 160, 320, 640, 1_280, 2_560])
  })

  it.each([
    ['at the tenth attempt', 10, 0],
    ['after 12 h', 2, 12 * 3_600_000],
  ])('moves to ASIDE %s, never to nothing', async (_title, attempts, age) => {
    const timestamp = String(Math.floor((Date.now() - age) / 1000))
    const held = await whileDown([signedCallback({ task_id: 'moved', timestamp })], Date.now() - age)
    vi.useRealTimers()
    const restore = d1Is(fail('D1 DB is overloaded'))
    const put = vi.spyOn(env.ASIDE, 'put').mockImplementationOnce(fail())
    expect((await consume(held, attempts))[0]).toMatchObject({ acked: false })
    put.mockRestore()
    expect(await consume(held, attempts)).toEqual([{ acked: true }])
    expect(await asideKeys()).toEqual(['waiting'])
    restore()
    await cron(3)
    expect(await isHome('moved')).toBe(true)
  })

  it('does not hold up the others when D1 refuses it alone: it is poison at once, counted, and tried again each hour', async () => {
    await cron() // makes the schema
    const [bad, good] = await whileDown([signedCallback({ task_id: 'bad' }), signedCallback({ task_id: 'good' })])
    await refuseBad()
    expect(await consume([bad!, good!])).toMatchObject([{ acked: true }, { acked: true }])
    expect(await isHome('good')).toBe(true)
    expect(await asideKeys()).toEqual(['parked'])
    expect(await rows(`SELECT value FROM state WHERE name = 'aside'`)).toEqual([{ value: '{"poison":1}' }])
    await cron(3)
    expect(await asideKeys()).toEqual(['parked'])
    await takeTask()
    await cron(60)
    expect(await isHome('bad')).toBe(true)
    expect(await rows(`SELECT value FROM state WHERE name = 'aside'`)).toEqual([{ value: '{"poison":0}' }])
  })

  it('is tried again each hour, all of it: poison behind the first five holds up nothing', async () => {
    await cron() // makes the schema
    for (let n = 0; n < 12; n += 1) {
      const task_id = n < 7 ? `bad ${n}` : `good ${n}`
      const callback = { body: JSON.stringify(signedCallback({ task_id })), received_at: Date.now() + n }
      await env.ASIDE.put(`parked:${String(n).padStart(2, '0')}`, JSON.stringify(callback))
    }
    await refuseBad()
    await cron(60)
    expect(await rows('SELECT count(*) AS stored FROM snapshots')).toEqual([{ stored: 5 }])
    expect(await rows(`SELECT value ->> '$.poison' AS poison FROM state WHERE name = 'aside'`)).toEqual([{ poison: 7 }])
    const names = (await env.ASIDE.list()).keys.map(({ name }) => name)
    expect(names).toEqual(Array.from({ length: 7 }, (_, n) => `parked:0${n}`)) // under the keys that they had
  })

  it.each([
    'Exceeded maximum DB size',
    'D1 DB storage operation exceeded timeout which caused object to be reset.',
    'database or disk is full: SQLITE_FULL',
    'internal error; reference = e-1',
    'Replica disconnected from primary.',
    'words of a later D1',
  ])('is no poison while D1 is full or down: %s', async (words) => {
    const held = await whileDown([signedCallback({ task_id: 'one' }), signedCallback({ task_id: 'other' })])
    vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error(`D1_ERROR: ${words}`))
    expect((await consume(held)).map(({ acked }) => acked)).toEqual([false, false])
    expect(await asideKeys()).toEqual([])
  })

  it('is no outage when one large row alone exceeds what D1 has', async () => {
    await cron() // makes the schema
    const held = await whileDown([signedCallback({ task_id: 'large' })])
    vi.spyOn(env.DB, 'batch').mockRejectedValue(
      new Error("D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset."),
    )
    expect(await consume(held)).toEqual([{ acked: true }])
    expect(await asideKeys()).toEqual(['parked'])
  })

  it('drains slice after slice, however much there is', async () => {
    const restore = d1Is(fail())
    const send = vi.spyOn(env.INTAKE, 'send').mockImplementation(fail())
    for (let n = 0; n < 35; n += 1) await deliver(signedCallback({ task_id: `slice ${n}` }))
    restore()
    send.mockRestore()
    await cron(3)
    for (let patience = 200; patience > 0 && (await asideKeys()).length > 0; patience -= 1) await scheduler.wait(20)
    expect(await rows('SELECT count(*) AS stored FROM snapshots')).toEqual([{ stored: 35 }])
  })

  it('is read no further in a slice than fits the memory of a Worker', async () => {
    await cron() // makes the schema
    const large = JSON.stringify({ body: 'x'.repeat(2_600_000), received_at: 0 })
    for (let n = 0; n < 6; n += 1) await env.ASIDE.put(`waiting:${n}`, large)
    const run = await beginDrain('waiting:', env.ASIDE)
    const left = await drain(run, env, readSettings({ ...env, PLAN: 'paid' }), Date.now())
    expect(left?.keys).toEqual(['waiting:4', 'waiting:5'])
  })

  it('is published by the drain that settled it, not a minute later by the sweep', async () => {
    const callback = { body: JSON.stringify(signedCallback({ task_id: 'at once' })), received_at: Date.now() }
    for (const key of ['waiting:1', 'waiting:2']) await env.ASIDE.put(key, JSON.stringify(callback))
    await cron(3)
    expect(await rows(`SELECT value FROM state WHERE name = 'aside'`)).toEqual([{ value: '{"waiting":0}' }])
    expect(await recordInKv('at once')).toMatchObject({ task_id: 'at once' })
    expect(await events('at once')).toHaveLength(1)
  })

  it('stays in ASIDE when D1 fails in the middle of a drain', async () => {
    const callback = { body: JSON.stringify(signedCallback({ task_id: 'middle' })), received_at: Date.now() }
    await env.ASIDE.put('waiting:1', JSON.stringify(callback))
    await cron() // makes the schema
    const batch = vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1 DB is overloaded'))
    await cron(3)
    expect(await asideKeys()).toEqual(['waiting'])
    batch.mockRestore()
    await cron(6)
    expect(await isHome('middle')).toBe(true)
    expect(await asideKeys()).toEqual([])
  })

  it('is settled, and no refusal of D1, when KV does not delete it', async () => {
    const callback = { body: JSON.stringify(signedCallback({ task_id: 'undeleted' })), received_at: Date.now() }
    await env.ASIDE.put('waiting:1', JSON.stringify(callback))
    const del = vi.spyOn(env.ASIDE, 'delete').mockRejectedValue(new Error('KV DELETE failed: 429 Too Many Requests'))
    for (let times = 0; times < 4; times += 1) await cron(3)
    expect(await isHome('undeleted')).toBe(true)
    expect(await asideKeys()).toEqual(['waiting'])
    del.mockRestore()
    await cron(3)
    expect(await asideKeys()).toEqual([])
  })

  it('is looked for each third minute: KV allows 1,000 lists a day', async () => {
    const list = vi.spyOn(env.ASIDE, 'list')
    for (const minute of [1, 2, 4, 5]) await cron(minute)
    expect(list).not.toHaveBeenCalled()
    await cron(3)
    expect(list).toHaveBeenCalledTimes(1)
  })
})

describe('a job', () => {
  it('that only another version knows is acknowledged, and nothing is kept of it', async () => {
    const warn = vi.spyOn(console, 'warn')
    const job = { kind: 'of the next version', until: Date.now() + 50_000 }
    expect(await consume([job])).toEqual([{ acked: true }])
    expect(warn.mock.calls.join()).toContain('"event":"job.unknown","kind":"of the next version"')
    expect(await asideKeys()).toEqual([])
  })

  it('has its invocation for itself: of ten in a batch one works, the others come again', async () => {
    const job = { kind: 'removals', until: Date.now() + 50_000 } as const
    const fates = await consume(Array(10).fill(job))
    expect(fates.filter(({ acked }) => acked)).toHaveLength(1)
  })

  it('waits while callbacks are settled', async () => {
    const callback = { kind: 'callback', body: JSON.stringify(signedCallback()), received_at: Date.now() } as const
    expect(await consume([{ kind: 'removals', until: Date.now() + 50_000 }, callback])).toEqual([
      { acked: false, retriedAfter: undefined },
      { acked: true },
    ])
  })

  it('that comes too late is left to the next minute', async () => {
    const taken = vi.spyOn(env.DB, 'prepare')
    expect(await consume([{ kind: 'removals', until: Date.now() - 1 }])).toEqual([{ acked: true }])
    expect(taken).not.toHaveBeenCalled()
  })

  it('works in the minute itself where INTAKE takes none, each minute another kind', async () => {
    const put = vi.spyOn(env.RESULTS, 'put').mockRejectedValueOnce(new Error('down'))
    await deliver(signedCallback({ task_id: 'unpublished' }))
    await deliver(signedCallback({ task_id: 'deleted' }))
    const broken = vi.spyOn(env.RESULTS, 'delete').mockRejectedValueOnce(new Error('down'))
    const url = 'https://receiver.test/v1/snapshots/deleted'
    await request(url, { method: 'DELETE', headers: { authorization: 'Bearer test-token' } })
    for (const spy of [put, broken]) spy.mockRestore()
    vi.useFakeTimers({ now: Date.now() + 180_000, toFake: ['Date'] })
    const settings = { INTAKE: { send: fail() }, EVENTS: { send: fail() } }
    await env.DB.prepare('UPDATE snapshots SET event_due = 1').run() // there is something to publish for good
    for (const minute of [1, 2]) {
      await cron(minute, settings)
      vi.setSystemTime(Date.now() + 3_600_000)
    }
    expect(await recordInKv('unpublished')).toMatchObject({ task_id: 'unpublished' })
    expect(await recordInKv('deleted')).toBeNull()
  })
})
