import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { failedRecord, snapshotRecord } from '../../src/event.ts'
import { readSettings } from '../../src/settings.ts'
import { findDue } from '../../src/store/due.ts'
import { storeResult } from '../../src/store/pending.ts'
import { pollSlice, WHOLE_RUN } from '../../src/zego/poll.ts'
import { PICTURES, signedCallback } from '../callbacks.ts'
import { deliver, events, read, recordInKv, rows } from '../worker.ts'
import {
  api,
  type Call,
  finished,
  huawei,
  ON,
  playZegocloud,
  refusal,
  register,
  sweep,
  tencent,
  TWO_APPS,
  wait,
} from './zegocloud.ts'

const URLS = PICTURES.map(({ url }) => url)
const record = async (taskId: string) => (await read(taskId)).json<Record<string, unknown>>()
const statuses = () => rows('SELECT status, count(*) AS count FROM snapshots GROUP BY status')

/** Registers many tasks at once, all overdue. */
async function backlog(count: number, appid: string, due = 0, settings: object = TWO_APPS) {
  await register(`first of ${appid}`, 'tencent', appid, { ...settings })
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 <= ?1)
    INSERT INTO snapshots (place, task_id, status, record, ask_app, ask_due)
    SELECT (SELECT max(place) FROM snapshots) + i, ?2 || ' ' || i, 'pending', json_object('task_id', ?2 || ' ' || i,
      'status', 'pending', 'appid', ?2, 'vendor', 'tencent', 'registered_at', '2026-01-01T00:00:00.000Z'), ?2, ?3 + i FROM n`,
  )
    .bind(count, appid, due)
    .run()
  await env.DB.prepare(`DELETE FROM snapshots WHERE task_id LIKE 'first of%'`).run()
}

describe('a callback that does not come', () => {
  it('is waited for without a message each minute', async () => {
    await register('waits')
    const options = { settings: readSettings(env), appids: ['12345', '67890'], version: 0, minute: 1 }
    const isDue = async (minutes: number) => (await findDue(env.DB, options, Date.now() + minutes * 60_000)).poll
    expect(await Promise.all([0, 1, 3].map(isDue))).toEqual([false, false, true])
  })

  it.each([
    [
      'Tencent',
      'lost',
      finished(...URLS),
      { field_id: '1397757897438985100', snapshot_pic_list: URLS.map((url) => ({ url })) },
    ],
    [
      'Huawei',
      '289665200',
      huawei('SUCCEEDED', { TaskId: 289665200, FileName: ['record/a/0.jpg', 'record/a/1.jpg'] }),
      { snapshot_pic_list: [{ url: 'record/a/0.jpg' }, { url: 'record/a/1.jpg' }] },
    ],
  ])(
    "is made up for after two minutes, and not before, by %s's own names",
    async (vendor, task_id, answer, content) => {
      const calls = playZegocloud(() => answer)
      await register(task_id, vendor)
      await sweep()
      expect(calls).toEqual([])
      await wait(2)
      await sweep()
      expect(calls.map(({ action, query }) => [action, query.get('TaskId'), query.get('Vendor')])).toEqual([
        ['DescribeMediaTask', task_id, vendor],
      ])
      const stored = await record(task_id)
      expect(snapshotRecord.parse(stored)).toEqual({
        task_id,
        status: 'completed',
        appid: '12345',
        vendor: vendor === 'Huawei' ? 'hw' : 'tencent',
        ...content,
        via: 'query',
        received_at: expect.any(String),
      })
      expect(await recordInKv(task_id)).toEqual(stored)
      expect(await events(task_id)).toMatchObject([
        { type: 'com.zegocloud.snapshot.completed', data: { via: 'query' } },
      ])
      await wait(60)
      await sweep()
      expect(calls).toHaveLength(1)
    },
  )

  it('improves the record when it comes late, and tells of it', async () => {
    playZegocloud(() => finished(...URLS))
    await register('late')
    await wait(2)
    await sweep()
    const answer = await deliver(signedCallback({ task_id: 'late' }))
    expect(await answer.json()).toEqual({ status: 'stored', task_id: 'late' })
    expect(await record('late')).toMatchObject({ via: 'callback', snapshot_pic_list: PICTURES })
    const [first, second] = await events('late', 2)
    expect([first?.data, second?.data]).toMatchObject([{ via: 'query' }, { via: 'callback' }])
    expect(second?.id).not.toBe(first?.id)
  })

  it('keeps what it says where it comes while ZEGOCLOUD is asked, which says otherwise', async () => {
    playZegocloud(async () => {
      await deliver(signedCallback({ task_id: 'meanwhile' }))
      return finished('http://pictures.test/other.jpg')
    })
    await register('meanwhile')
    await wait(2)
    await sweep()
    expect(await record('meanwhile')).toMatchObject({ via: 'callback', snapshot_pic_list: PICTURES })
  })

  it('is asked for with growing gaps, up to an hour', async () => {
    playZegocloud(() => tencent('PROCESSING'))
    const gaps: number[] = []
    const clock = vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] })
    await register('slow')
    const due = async () => (await rows<{ ask_due: number }>('SELECT ask_due FROM snapshots'))[0]!.ask_due
    for (let question = 0; question < 7; question += 1) {
      clock.setSystemTime(await due())
      await sweep()
      gaps.push(Math.round(((await due()) - Date.now()) / 60_000))
    }
    expect(gaps).toEqual([2, 4, 8, 16, 32, 60, 60])
    expect(await record('slow')).toMatchObject({ status: 'pending' })
  })
})

describe('a task that fails', () => {
  it.each([
    ['FAIL', tencent('FAIL', { Message: 'the file is broken' }), 'the file is broken'],
    ['FAILED', huawei('FAILED'), 'FAILED'],
    ['CANCELED', huawei('CANCELED'), 'CANCELED'],
    ['FINISH of another kind', tencent('FINISH', { Event: 'transcode' }), 'transcode'],
  ])('is told of once: %s', async (status, answer, message) => {
    const taskId = `fails ${status}`
    playZegocloud(() => answer)
    await register(taskId, JSON.stringify(answer).includes('Huawei') ? 'hw' : 'tencent')
    await wait(2)
    await sweep()
    await wait(60)
    await sweep()
    const stored = await record(taskId)
    expect(snapshotRecord.parse(stored)).toEqual(stored)
    expect(stored).toMatchObject({ status: 'failed', error: { message: expect.stringContaining(message) } })
    const sent = await events(taskId)
    expect(sent).toMatchObject([{ type: 'com.zegocloud.snapshot.failed', data: stored }])
    expect(await recordInKv(taskId)).toEqual(stored)
  })

  it('is not told of again when another answer says that it failed', async () => {
    playZegocloud(() => tencent('FAIL'))
    await register('told')
    await wait(2)
    await sweep()
    const first = await record('told')
    const again = failedRecord.parse({ ...first, error: { message: 'Another answer.' } })
    const result = { record: again, text: JSON.stringify(again), content: 'another' }
    expect(await storeResult(env.DB, result, Date.now())).toBeUndefined()
    expect(await record('told')).toEqual(first)
  })

  it.each([
    ['NO_TASK', huawei('NO_TASK')],
    ['code 1000', refusal(1000, 'failed')],
    ['code 41003', refusal(41003, 'file does not exist')],
  ])('is one that ZEGOCLOUD has not known for 24 hours: %s', async (name, answer) => {
    playZegocloud(() => answer)
    const taskId = `unknown ${name}`
    await register(taskId, 'hw')
    await wait(2)
    await sweep()
    expect(await record(taskId)).toMatchObject({ status: 'pending' })
    const aged = JSON.stringify(new Date(Date.now() - 86_400_001).toISOString())
    await env.DB.prepare(`UPDATE snapshots SET record = json_set(record, '$.registered_at', json(?1))`).bind(aged).run()
    await wait(60)
    await sweep()
    expect(await record(taskId)).toMatchObject({ status: 'failed' })
  })
})

describe('an answer that says nothing of the task', () => {
  it.each([
    ['a refusal of the app', () => refusal(7, 'authentication failed')],
    ['an unknown status', () => tencent('DONE')],
    ['no list of pictures', () => tencent('FINISH')],
    ['a page of HTML', () => new Response('<html>', { status: 502 })],
    ['no answer at all', () => Promise.reject(new Error('https://zegocloud.test/?Signature=abc failed'))],
  ])('leaves it pending: %s', async (_title, answer) => {
    const spies = (['info', 'warn', 'error'] as const).map((level) => vi.spyOn(console, level))
    const calls = playZegocloud(answer)
    await register('task 1')
    await register('task 2')
    await wait(2)
    await sweep()
    expect(calls).toHaveLength(1) // the app is left alone for this run
    expect(await statuses()).toEqual([{ status: 'pending', count: 2 }])
    const logged = JSON.stringify(spies.flatMap((spy) => spy.mock.calls))
    expect(logged).not.toMatch(/Signature|server-secret/)
    await sweep()
    expect(calls.map(({ query }) => query.get('TaskId'))).toEqual(['task 1', 'task 2'])
  })

  it('ends the run where no app got one: the next minute asks again', async () => {
    playZegocloud(() => refusal(3))
    await register('unanswered')
    await wait(2)
    const settings = { ...env, ...ON }
    expect(await pollSlice(settings, readSettings(settings), WHOLE_RUN, Date.now())).toBeUndefined()
  })

  it('holds back no other app', async () => {
    playZegocloud(({ appid }) => (appid === '12345' ? refusal(3) : finished(...URLS)))
    await register('of the first', 'tencent', '12345')
    await register('of the second', 'tencent', '67890')
    await wait(2)
    await sweep(TWO_APPS)
    expect(await record('of the second')).toMatchObject({ status: 'completed' })
  })

  it('makes the app rest when it is "too frequent", and costs the task no gap', async () => {
    const calls = playZegocloud(() => refusal(6, 'too frequent'))
    await register('hasty')
    await wait(2)
    await sweep()
    expect(await rows('SELECT rest_ms FROM turns')).toEqual([{ rest_ms: 2000 }])
    await sweep() // waits for its turn
    expect(calls[1]!.at - calls[0]!.at).toBeGreaterThan(1900)
    expect(await rows('SELECT rest_ms FROM turns')).toEqual([{ rest_ms: 4000 }])
    await sweep() // does not wait so long
    expect(calls).toHaveLength(2)
  })
})

describe('a run', () => {
  const mostInASecond = (calls: Call[]) => {
    const times = calls.map(({ at }) => at)
    return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1000).length))
  }

  it('asks 40 times at most, and 1,000 tasks are recovered after 25', { timeout: 120_000 }, async () => {
    const appids = Array.from({ length: 10 }, (_, n) => `app ${n}`)
    const secrets = Object.fromEntries(appids.map((appid) => [appid, `secret of ${appid}`]))
    const settings = { ...ON, ZEGO_SERVER_SECRET: JSON.stringify(secrets) }
    const calls = playZegocloud(() => finished(...URLS), secrets)
    vi.spyOn(env.EVENTS, 'send').mockResolvedValue({} as never)
    vi.spyOn(env.RESULTS, 'put').mockResolvedValue()
    for (const appid of appids) await backlog(100, appid, 0, settings)
    for (let run = 0; run < 25; run += 1) {
      const before = calls.length
      await sweep(settings)
      expect(calls.length - before).toBe(40)
    }
    expect(await statuses()).toEqual([{ status: 'completed', count: 1000 }])
    expect(new Set(calls.map(({ query }) => query.get('TaskId'))).size).toBe(1000)
    for (const appid of appids) expect(mostInASecond(calls.filter((call) => call.appid === appid))).toBeLessThan(16)
  })

  it(
    'takes turns with all else that calls for the app: no more than 15 in any second, and no task twice',
    { timeout: 30_000 },
    async () => {
      const calls = playZegocloud(() => tencent('WAITING'))
      await backlog(80, '12345')
      const confirm = () => api('GET', '/snapshots/12345%201/confirmation')
      await Promise.all([sweep(), sweep(), ...Array.from({ length: 10 }, confirm)])
      expect(calls.length).toBeGreaterThan(80)
      expect(mostInASecond(calls)).toBeLessThan(16)
      const asked = calls.map(({ query }) => query.get('TaskId')).filter((taskId) => taskId !== '12345 1')
      expect(new Set(asked).size).toBe(asked.length)
      expect(new Set(calls.map(({ query }) => query.get('SignatureNonce'))).size).toBe(calls.length)
    },
  )

  it('is fair: an app with few tasks does not wait for one with many, and of each the oldest is first', async () => {
    const calls = playZegocloud(() => tencent('WAITING'))
    await backlog(200, '12345', 0)
    await backlog(3, '67890', 1000)
    await sweep(TWO_APPS)
    const asked = (appid: string) =>
      calls.filter((call) => call.appid === appid).map(({ query }) => query.get('TaskId'))
    expect(asked('67890').toSorted()).toEqual(['67890 1', '67890 2', '67890 3'])
    expect(asked('12345').toSorted()).toEqual(Array.from({ length: 37 }, (_, n) => `12345 ${n + 1}`).toSorted())
  })

  it('asks again, later, about what a run took and died with', async () => {
    const calls = playZegocloud(() => finished(...URLS))
    await register('taken')
    await wait(2)
    const batch = env.DB.batch.bind(env.DB)
    const ends = vi
      .spyOn(env.DB, 'batch')
      .mockImplementation((statements) =>
        statements.length === 2 ? Promise.reject(new Error('gone')) : batch(statements),
      )
    await sweep()
    ends.mockRestore()
    expect(await record('taken')).toMatchObject({ status: 'pending' })
    await sweep()
    expect(calls).toHaveLength(1)
    await wait(2)
    await sweep()
    expect(await record('taken')).toMatchObject({ status: 'completed' })
    expect(await events('taken')).toHaveLength(1)
  })

  it('does nothing while the section is off, and asks for no app without a secret', async () => {
    const calls = playZegocloud(() => finished(...URLS))
    await register('other app', 'tencent', '67890')
    await wait(2)
    await sweep({})
    await sweep({ ...ON, ZEGO_SERVER_SECRET: 'no json' })
    await sweep(ON)
    expect(calls).toEqual([])
  })
})
