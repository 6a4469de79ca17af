import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { snapshotEvent } from '../../src/event.ts'
import { sweepRemovals } from '../../src/publish/forget.ts'
import { nextMidnight, publish, sweep } from '../../src/publish/publish.ts'
import { takeDue } from '../../src/store/outbox.ts'
import { readSettings } from '../../src/settings.ts'
import { settle } from '../../src/store/settle.ts'
import { signedCallback } from '../callbacks.ts'
import { billOf, counted } from '../counted.ts'
import { verified } from '../store/verified.ts'
import { cron, deliver, events, read, recordInKv, rows, storedAt } from '../worker.ts'

const SETTINGS = readSettings(env)
const START = Date.UTC(2026, 5, 1, 12)
const MINUTE = 60_000

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] })
})

const later = (ms: number) => vi.setSystemTime(START + ms)
const outbox = () =>
  rows('SELECT kv_due - unpublished_since AS kv, event_due - unpublished_since AS event FROM snapshots')
const nothingOwed = [{ kv: null, event: null }]

describe('publishing', () => {
  it('marks what was published in one moment together', async () => {
    await deliver(signedCallback()) // it makes the schema
    const tasks = Array.from({ length: 20 }, (_, n) => signedCallback({ task_id: `together ${n}` }))
    const { d1Calls } = await billOf(() => Promise.all(tasks.map((task) => deliver(task, counted))))
    expect(await outbox()).toEqual(Array.from({ length: 21 }, () => nothingOwed[0]))
    expect(d1Calls).toBeLessThan(20 + 15) // twenty settle
  })

  it('is marked by a later request where the one that waited for others has ended', async () => {
    for (const n of [1, 2, 3]) await settle(env.DB, verified(`left ${n}`, `content ${n}`, `task ${n}`))
    const [first, second, third] = (await takeDue(env.DB, 'event', START + MINUTE, 3)).map((one) => [one])
    const wait = vi.spyOn(scheduler, 'wait').mockImplementationOnce(() => new Promise(() => {}))
    void publish(first!, env, SETTINGS, START)
    await vi.waitFor(() => expect(wait).toHaveBeenCalledOnce())
    await publish(second!, env, SETTINGS, START)
    expect(await rows('SELECT count(*) AS owed FROM snapshots WHERE publish_at IS NOT NULL')).toEqual([{ owed: 3 }])
    later(MINUTE)
    await publish(third!, env, SETTINGS, START)
    expect(await outbox()).toEqual(Array.from({ length: 3 }, () => nothingOwed[0]))
  })

  it('is made up for by the sweep when the isolate ended after its answer', async () => {
    const hanging = Promise.withResolvers<never>()
    const sent = vi.spyOn(env.EVENTS, 'send').mockReturnValueOnce(hanging.promise)
    const put = vi.spyOn(env.RESULTS, 'put').mockReturnValueOnce(hanging.promise)
    const { default: worker } = await import('../../src/worker.ts')
    const dropped = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} }
    const body = JSON.stringify(signedCallback({ task_id: 'dropped' }))
    const request = new Request('https://receiver.test/zego/callback', { method: 'POST', body })
    expect((await worker.fetch(request as never, env, dropped as never)).status).toBe(200)
    await vi.waitFor(() => expect([sent, put].map(({ mock }) => mock.calls.length)).toEqual([1, 1]))

    await cron()
    expect(await recordInKv('dropped')).toBeNull() // its own request may be at it still
    later(MINUTE)
    vi.restoreAllMocks()
    const info = vi.spyOn(console, 'info')
    await cron()
    expect(info.mock.calls.join()).toContain('{"event":"sweep.published","lane":"event","tasks":1}')
    expect(await recordInKv('dropped')).toMatchObject({ task_id: 'dropped' })
    expect(await events('dropped')).toHaveLength(1)
    expect(await outbox()).toEqual(nothingOwed)
    hanging.reject(new Error('the test ends')) // else its deadline would come in the middle of another test
    await scheduler.wait(300)
  })

  it.each([
    ['KV fails', 'RESULTS', 'put'],
    ['the queue fails', 'EVENTS', 'send'],
  ] as const)('goes on with one target when %s, and tries the other again', async (_title, binding, method) => {
    const failing = vi.spyOn(env[binding] as KVNamespace & Queue, method).mockRejectedValue(new Error('down'))
    const [working, worked] =
      binding === 'RESULTS' ? [vi.spyOn(env.EVENTS, 'send'), 'event'] : [vi.spyOn(env.RESULTS, 'put'), 'kv']
    await deliver(signedCallback({ task_id: `one target ${method}` }))
    const owed = binding === 'RESULTS' ? 'kv' : 'event'
    expect(await outbox()).toEqual([{ [owed]: MINUTE, [worked]: null }])
    later(MINUTE)
    await cron()
    expect(await outbox()).toEqual([{ [owed]: 2 * MINUTE, [worked]: null }])
    later(2 * MINUTE)
    await cron()
    expect(await outbox()).toEqual([{ [owed]: 4 * MINUTE, [worked]: null }])
    failing.mockRestore()
    later(4 * MINUTE)
    await cron()
    expect(await outbox()).toEqual(nothingOwed)
    expect(working).toHaveBeenCalledTimes(1)
  })

  it('waits an hour at most between two attempts', async () => {
    vi.spyOn(env.RESULTS, 'put').mockRejectedValue(new Error('down'))
    await deliver(signedCallback())
    later(600 * MINUTE)
    await cron()
    expect(await outbox()).toEqual([{ kv: 660 * MINUTE, event: null }])
  })

  it.each([
    ['401 Unauthorized', false],
    ['403 Forbidden', false],
    ['404 Not Found', false],
    ['408 Request Timeout', false],
    ['429 Too Many Requests', false],
    ['400 Bad Request', false],
    ['500 Internal Server Error', false],
    ['413 Value length of 9 exceeds', true],
    ['414 UTF-8 encoded length of 600 exceeds key length limit', true],
    ['400 Invalid expiration_ttl of 1', true],
  ])('knows of KV PUT failed: %s whether it is for good: %s', async (words, isForGood) => {
    vi.spyOn(env.RESULTS, 'put').mockRejectedValue(new Error(`KV PUT failed: ${words}`))
    await deliver(signedCallback())
    const refused = isForGood ? `KV PUT failed: ${words}` : null
    const row = { owed: isForGood ? 0 : 1, kv_refused: refused }
    expect(await rows('SELECT kv_due IS NOT NULL AS owed, kv_refused FROM snapshots')).toEqual([row])
  })

  it('publishes again what was published but could not be marked', async () => {
    await settle(env.DB, verified('unmarked', 'content', 'unmarked'))
    const publications = await takeDue(env.DB, 'event', START + MINUTE, 1)
    const prepare = vi.spyOn(env.DB, 'prepare').mockImplementationOnce(() => {
      throw new Error('down')
    })
    await publish(publications, env, SETTINGS, START + MINUTE)
    prepare.mockRestore()
    later(3 * MINUTE)
    await cron()
    const [first, second] = await events('unmarked', 2)
    expect(second).toEqual(first) // the same id: consumers drop it
    expect(await outbox()).toEqual(nothingOwed)
  })

  it('clears the due time under which it was taken, and no other that was set since', async () => {
    vi.spyOn(env.EVENTS, 'send').mockImplementationOnce(async () => {
      await env.DB.prepare('UPDATE snapshots SET kv_due = ?1, event_due = ?1').bind(START).run()
      return {} as QueueSendResponse
    })
    await deliver(signedCallback())
    expect(await outbox()).toEqual([{ kv: 0, event: 0 }])
  })

  it('clears nothing of a row that was written again since, though it is due at the same time', async () => {
    vi.spyOn(env.EVENTS, 'send').mockImplementationOnce(async () => {
      await env.DB.prepare(`UPDATE snapshots SET content = 'newer', delivery = 'newer'`).run()
      return {} as QueueSendResponse
    })
    await deliver(signedCallback())
    expect(await outbox()).toEqual([{ kv: MINUTE, event: MINUTE }])
  })
})

describe('the sweep', () => {
  async function backlog(count: number, kv: number | null, event: number | null, name = 'task'): Promise<void> {
    await cron() // makes the schema
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
      INSERT INTO snapshots (place, task_id, status, content, via, record, kv_due, event_due, unpublished_since)
      SELECT (SELECT coalesce(max(place), 0) FROM snapshots) + 1 + i, ?4 || i, 'completed', 'content', 'callback',
        json_object('task_id', ?4 || i, 'status', 'completed', 'appid', '1', 'vendor', 'hw', 'snapshot_pic_list',
          json('[]'), 'via', 'callback', 'received_at', '2026-06-01T12:00:00.000Z'), ?2, ?3, 0 FROM n`,
    )
      .bind(count, kv, event, name)
      .run()
  }
  const owed = async (due = 'publish_at') =>
    (await rows(`SELECT count(*) AS owed FROM snapshots WHERE ${due} IS NOT NULL`))[0]
  const untilNoneOwed = (due: string) =>
    vi.waitFor(async () => expect(await owed(due)).toEqual({ owed: 0 }), { timeout: 10_000 })

  it.each([
    ['free', 10, 10],
    ['paid', 300, 50],
  ])(
    'publishes a slice that fits the plan, of which the connections take some at once: %s',
    async (PLAN, slice, most) => {
      await backlog(600, null, START)
      let [sent, under, peak] = [0, 0, 0]
      const EVENTS = {
        send: async () => {
          sent += 1
          peak = Math.max(peak, (under += 1))
          await scheduler.wait(1)
          under -= 1
        },
      } as unknown as Queue
      expect(await sweep({ ...env, EVENTS, PLAN }, ['event'], START)).toEqual(['event'])
      expect([sent, peak]).toEqual([slice, most])
      expect(await owed()).toEqual({ owed: 600 - slice })
    },
  )

  it('reads a slice of a backlog of 100,000, not the whole', async () => {
    await backlog(100_000, START, START)
    const INTAKE = { send: () => Promise.reject(new Error('down')) }
    const { rowsRead } = await billOf(() => cron(1, { ...counted, INTAKE }))
    expect(rowsRead).toBeLessThan(300)
    expect(await owed()).toEqual({ owed: 99_990 })
  })

  it('sends events first, however many records KV does not take', async () => {
    await backlog(500, START - 10 * MINUTE, null, 'kv')
    await backlog(5, null, START, 'event')
    vi.spyOn(env.RESULTS, 'put').mockRejectedValue(new Error('down'))
    await cron()
    expect(await owed('event_due')).toEqual({ owed: 0 })
  })

  it.each([
    ['only KV lacks', null],
    ['both lack', START],
  ])('puts into KV what %s, however many events the queue does not take', async (_title, event) => {
    await backlog(60, null, START - 10 * MINUTE, 'event')
    await backlog(40, START, event, 'kv')
    vi.spyOn(env.EVENTS, 'send').mockRejectedValue(new Error('down'))
    await cron()
    await untilNoneOwed('kv_due')
  })

  it('takes as many large records as fit the memory of a Worker, and the others after them', async () => {
    await backlog(15, null, START, 'large')
    await env.DB.prepare(`UPDATE snapshots SET record = json_set(record, '$.extra', hex(zeroblob(900000)))`).run()
    const taken = [1, 2, 3].map(() => takeDue(env.DB, 'event', START, 200))
    expect((await Promise.all(taken)).map(({ length }) => length)).toEqual([11, 4, 0])
  })

  it('tries half a slice a minute while KV rests', async () => {
    await backlog(8, START, null)
    const put = vi.spyOn(env.RESULTS, 'put')
    put.mockRejectedValue(new Error('KV put() limit exceeded for the day.'))
    await cron()
    expect(put).toHaveBeenCalledTimes(5)
    expect(await outbox()).toEqual([
      ...Array.from({ length: 5 }, () => ({ kv: START + 12 * 60 * MINUTE, event: null })),
      ...Array.from({ length: 3 }, () => ({ kv: START, event: null })),
    ])
    put.mockRestore()
    await cron()
    expect(await owed()).toEqual({ owed: 5 })
    later(12 * 60 * MINUTE)
    await cron()
    expect(await owed()).toEqual({ owed: 0 })
  })

  it('shares no row with a sweep at the same time', async () => {
    await backlog(30, null, START, 'shared')
    const send = vi.spyOn(env.EVENTS, 'send').mockResolvedValue({} as QueueSendResponse)
    await Promise.all([cron(), cron(), cron()])
    const subjects = send.mock.calls.map(([event]) => event.subject)
    expect(new Set(subjects).size).toBe(subjects.length)
  })

  it('leaves what another one took alone for two minutes', async () => {
    await settle(env.DB, verified('leased'))
    const taken = async (ms: number) => (await takeDue(env.DB, 'event', START + MINUTE + ms, 1)).length
    expect([await taken(0), await taken(2 * MINUTE - 1), await taken(2 * MINUTE)]).toEqual([1, 0, 1])
  })
})

describe('the event', () => {
  const many = (count: number) =>
    JSON.stringify(Array.from({ length: count }, (_, n) => ({ url: `http://pictures.test/${n}.jpg`, offset: n })))

  it('is what the schema for consumers says', async () => {
    await deliver(signedCallback({ task_id: 'event' }))
    const [event] = await events('event')
    expect(snapshotEvent.parse(event)).toEqual(event)
    expect(event).toMatchObject({
      specversion: '1.0',
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      source: '/zego/12345',
      subject: 'event',
      time: '2026-06-01T12:00:00.000Z',
      datacontenttype: 'application/json',
    })
    expect(event).not.toHaveProperty('dataref')
  })

  it('leads to the record where that is too large for a message', async () => {
    await deliver({ ...signedCallback({ task_id: 'large/1', snapshot_pic_list: many(3_000) }), more: 'x'.repeat(100) })
    const [event] = await events('large/1')
    expect(snapshotEvent.parse(event)).toEqual(event)
    expect(event).toMatchObject({ dataref: '/v1/snapshots/large%2F1', data: { pictures: 3_000, via: 'callback' } })
    expect(event?.data).not.toHaveProperty('snapshot_pic_list')
    expect(event?.data).not.toHaveProperty('extra')
    expect(await (await read('large/1')).json()).toMatchObject({ snapshot_pic_list: JSON.parse(many(3_000)) })
  })

  it('is whole up to the limit of a message', async () => {
    const lengths: number[] = []
    for (const count of [1_500, 2_300, 2_380, 2_386, 2_400]) {
      const task_id = `size ${count}`
      await deliver(signedCallback({ task_id, snapshot_pic_list: many(count) }))
      const [event] = await events(task_id)
      const { length } = JSON.stringify({ ...event, data: await (await read(task_id)).json() })
      expect('dataref' in event!).toBe(length > 127_000)
      lengths.push(length)
    }
    expect(lengths.map((length) => length > 127_000)).toEqual(expect.arrayContaining([true, false]))
  })
})

describe('a value in KV', () => {
  it('has no pictures where the task failed', async () => {
    await deliver(signedCallback({ task_id: 'failed' }))
    const record = { task_id: 'failed', status: 'failed', appid: '1', vendor: 'hw', error: { message: 'no file' } }
    await env.DB.prepare(`UPDATE snapshots SET status = 'failed', via = NULL, kv_due = ?1, record = ?2`)
      .bind(START, JSON.stringify({ ...record, received_at: '2026-06-01T12:00:00.000Z' }))
      .run()
    await cron()
    const { metadata } = await env.RESULTS.getWithMetadata('failed')
    expect(metadata).toEqual({ status: 'failed', vendor: 'hw', pictures: 0 })
  })

  it('is the record as D1 has it, to the letter, with what a list of keys is read for', async () => {
    await deliver({ ...signedCallback({ task_id: 'letter' }), __proto__x: 1, n: 12345678901234567890n.toString() })
    const [row] = await rows<{ record: string }>('SELECT record FROM snapshots')
    expect(await env.RESULTS.getWithMetadata('letter')).toMatchObject({
      value: row?.record,
      metadata: { status: 'completed', vendor: 'tencent', pictures: 2 },
    })
  })

  it('is given no end that KV refuses, however long the records before it took', async () => {
    const expiring = Array.from({ length: 60 }, (_, n) => verified(`slow ${n}`, `content ${n}`, `task ${n}`))
    for (const callback of expiring) await settle(env.DB, callback)
    const put = vi.spyOn(env.RESULTS, 'put').mockResolvedValue()
    const publications = await takeDue(env.DB, 'event', START + MINUTE, 60)
    for (const publication of publications) publication.storedAt = START
    const ends = START + 24 * 60 * MINUTE
    vi.setSystemTime(ends - 150_000)
    vi.spyOn(env.EVENTS, 'send').mockImplementation(async () => {
      vi.setSystemTime(ends - 50_000) // the first group has taken 100 s
      return {} as QueueSendResponse
    })
    await publish(publications, env, readSettings({ ...env, RETENTION_DAYS: 1 }), Date.now())
    expect(put).toHaveBeenCalledTimes(50)
    expect(await outbox()).toEqual(Array.from({ length: 60 }, () => nothingOwed[0]))
  })

  it('is not written in the last minute of its retention time, and not owed either', async () => {
    vi.spyOn(env.EVENTS, 'send').mockRejectedValueOnce(new Error('down'))
    const put = vi.spyOn(env.RESULTS, 'put').mockRejectedValueOnce(new Error('down'))
    await deliver(signedCallback({ task_id: 'last minute' }), { RETENTION_DAYS: 1 })
    await storedAt(Date.now(), 'last minute')
    later(24 * 60 * MINUTE - 30_000)
    await cron(1, { RETENTION_DAYS: 1 })
    expect(put).toHaveBeenCalledTimes(1)
    expect(await outbox()).toEqual(nothingOwed)
  })
})

it('the day of KV ends at midnight UTC', () => {
  const [day, next] = [Date.UTC(2026, 5, 1), Date.UTC(2026, 5, 2)]
  expect([day, day + MINUTE, next - 1].map(nextMidnight)).toEqual([next, next, next])
})

it('what has to leave KV goes a slice at a time, and a slice that KV does not take is no reason for another', async () => {
  await read('x') // makes the schema
  const owe = async (count: number) => {
    for (let n = 0; n < count; n += 1) {
      await env.DB.prepare(`INSERT INTO removals VALUES ('gone ' || ?1, '', 0, 0)`).bind(n).run()
    }
  }
  const isMore = () => sweepRemovals(env, Date.now(), 3)
  await owe(5)
  expect([await isMore(), await isMore()]).toEqual([true, false])
  expect(await rows('SELECT 1 FROM removals WHERE kv_due IS NOT NULL')).toEqual([])
  await env.DB.prepare('DELETE FROM removals').run()
  await owe(3)
  vi.spyOn(env.RESULTS, 'delete').mockRejectedValue(new Error('KV DELETE failed: 500'))
  expect(await isMore()).toBe(false)
})

it("what has to leave KV waits for the next day once the day's deletes are used up", async () => {
  await read('x') // makes the schema
  await env.DB.prepare(`INSERT INTO removals VALUES ('gone', '', 0, 0)`).run()
  vi.spyOn(env.RESULTS, 'delete').mockRejectedValue(new Error('KV delete() limit exceeded for the day.'))
  await sweepRemovals(env, Date.now(), 3)
  expect(await rows('SELECT kv_due FROM removals')).toEqual([{ kv_due: nextMidnight(Date.now()) }])
})

it('what has to leave KV is owed still where it was deleted once more meanwhile', async () => {
  await read('x') // makes the schema
  await env.DB.prepare(`INSERT INTO removals VALUES ('gone', 'content', 0, 0)`).run()
  vi.spyOn(env.RESULTS, 'delete').mockImplementationOnce(async () => {
    await env.DB.prepare('UPDATE removals SET kv_due = 9').run()
  })
  await sweepRemovals(env, Date.now(), 3)
  expect(await rows('SELECT kv_due FROM removals')).toEqual([{ kv_due: 9 }])
})

it('what has to leave KV is not asked of it where its key is longer than any that KV has', async () => {
  await read('x') // makes the schema
  for (const length of [512, 513]) {
    await env.DB.prepare(`INSERT INTO removals VALUES (?1, '', 0, 0)`).bind('x'.repeat(length)).run()
  }
  const remove = vi.spyOn(env.RESULTS, 'delete')
  await sweepRemovals(env, Date.now(), 3)
  expect(remove.mock.calls).toEqual([['x'.repeat(512)]])
  expect(await rows('SELECT 1 FROM removals WHERE kv_due IS NOT NULL')).toEqual([])
})
