import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { snapshotRecord } from '../../src/event.ts'
import { PICTURES, signedCallback } from '../callbacks.ts'
import { deliver, read, request, rows } from '../worker.ts'
import {
  api,
  finished,
  huawei,
  ok,
  ON,
  playZegocloud,
  refusal,
  register,
  tencent,
  TWO_APPS,
} from '../zego/zegocloud.ts'

const URLS = PICTURES.map(({ url }) => url)
const TENCENT = { Vendor: 'Tencent', FileId: '1397757897438985100', Type: 'SampleSnapshot', Definition: 10 }
const HUAWEI = { Vendor: 'Huawei', FileId: 'record/a.mp4', Type: 'SampleSnapshot', Interval: 5 }
const startedAs = (TaskId: string) => () => ok({ Tencent: { TaskId, RequestId: '1' } })
const hang = () => new Promise<never>(() => {})

async function said(answer: Promise<Response>) {
  const { status, headers, ...response } = await answer.then(async (got) => ({
    status: got.status,
    headers: got.headers,
    body: await got.json<Record<string, unknown>>(),
  }))
  return { status, headers, body: response.body }
}

describe('POST /v1/snapshots', () => {
  it('starts a task and registers it', async () => {
    const calls = playZegocloud(startedAs('15000-procedure/v2 tt0'))
    const body = { ...TENCENT, Type: 'SnapshotByTimeOffset', ExtTimeOffsetSet: [0, 1.5, 10] }
    const { status, headers, body: record } = await said(api('POST', '/snapshots', body))
    expect(status).toBe(201)
    expect(headers.get('location')).toBe('/v1/snapshots/15000-procedure%2Fv2%20tt0')
    expect(snapshotRecord.parse(record)).toEqual(record)
    expect(record).toEqual({
      task_id: '15000-procedure/v2 tt0',
      status: 'pending',
      appid: '12345',
      vendor: 'tencent',
      registered_at: expect.any(String),
    })
    expect(await (await read('15000-procedure/v2 tt0')).json()).toEqual(record)
    expect(calls).toHaveLength(1)
    const { query } = calls[0]!
    expect(query.getAll('ExtTimeOffsetSet')).toEqual(['0', '1.5', '10'])
    expect(Object.fromEntries(query)).toMatchObject({
      Action: 'MediaThumbnails',
      AppId: '12345',
      Vendor: 'Tencent',
      FileId: '1397757897438985100',
      Type: 'SnapshotByTimeOffset',
      Definition: '10',
    })
  })

  it.each(['Huawei', 'huawei', 'hw'])("reads Huawei's answer, and takes the vendor as %s", async (Vendor) => {
    const calls = playZegocloud(() => ok({ Huawei: { task_id: '289665200' } }))
    const { status, body } = await said(api('POST', '/snapshots', { ...HUAWEI, Vendor }))
    expect([status, body]).toMatchObject([201, { task_id: '289665200', vendor: 'hw' }])
    expect([calls[0]?.query.get('Vendor'), calls[0]?.query.get('Interval')]).toEqual(['Huawei', '5'])
  })

  it('reads a task id that came as a number, without losing digits', async () => {
    playZegocloud(() => new Response('{"Code":0,"Data":{"Tencent":{"TaskId":1253642700910365374}}}'))
    expect((await said(api('POST', '/snapshots', TENCENT))).body).toMatchObject({ task_id: '1253642700910365374' })
  })

  it.each<[string, object]>([
    ['Vendor', { Vendor: 'Amazon' }],
    ['FileId', { FileId: '' }],
    ['FileId', { FileId: 7 }],
    ['FileId', { FileId: 'ä'.repeat(257) }],
    ['Type', { Type: 'Snapshot' }],
    ['Definition', { Definition: undefined }],
    ['Definition', { Definition: 'ten' }],
    ['Definition', { ...HUAWEI, Definition: 10 }],
    ['Interval', { ...HUAWEI, Definition: undefined, Interval: undefined }],
    ['Interval', { ...HUAWEI, Definition: undefined, Interval: 0 }],
    ['Interval', { Interval: 5 }],
    ['ExtTimeOffsetSet', { Type: 'SnapshotByTimeOffset' }],
    ['ExtTimeOffsetSet', { Type: 'SnapshotByTimeOffset', ExtTimeOffsetSet: [] }],
    ['ExtTimeOffsetSet', { Type: 'SnapshotByTimeOffset', ExtTimeOffsetSet: [1, -1] }],
    ['ExtTimeOffsetSet', { Type: 'SnapshotByTimeOffset', ExtTimeOffsetSet: 5 }],
    ['AppId', { AppId: '99999' }],
    ['Signature', { Signature: 'mine' }],
    ['Callback', { Callback: 'http://evil.test' }],
  ])('names what is wrong, and sends nothing: %s %j', async (parameter, change) => {
    const calls = playZegocloud(startedAs('task'))
    const { status, body } = await said(api('POST', '/snapshots', { ...TENCENT, ...change }))
    expect([status, body]).toMatchObject([400, { code: 'invalid_request', parameter }])
    expect(calls).toEqual([])
  })

  it.each<[string, object]>([
    ['FileId must be a string of 1 to 512 bytes of UTF-8.', { FileId: 'ä'.repeat(257) }],
    ['Vendor must be "Tencent" or "Huawei".', { Vendor: 1 }],
    [
      '"Callback" is not known here: the request takes Vendor, AppId, FileId, Type, ExtTimeOffsetSet, Definition.',
      { Callback: 'x' },
    ],
  ])('tells the rule: %s', async (detail, change) => {
    expect((await said(api('POST', '/snapshots', { ...TENCENT, ...change }))).body).toMatchObject({ detail })
  })

  it('takes as much of a FileId as a record holds', async () => {
    playZegocloud(startedAs('task'))
    expect((await said(api('POST', '/snapshots', { ...TENCENT, FileId: 'ä'.repeat(256) }))).status).toBe(201)
  })

  it.each(['', 'null', '[]', '{', '"text"', '7'])('refuses %j', async (body) => {
    expect((await said(api('POST', '/snapshots', body))).body).toMatchObject({ code: 'invalid_request', status: 400 })
  })

  it('asks which app is meant where there are several', async () => {
    const calls = playZegocloud(startedAs('task'))
    expect((await said(api('POST', '/snapshots', TENCENT, TWO_APPS))).body).toMatchObject({ parameter: 'AppId' })
    expect((await said(api('POST', '/snapshots', { ...TENCENT, AppId: 67890 }, TWO_APPS))).status).toBe(201)
    expect(calls.map(({ appid }) => appid)).toEqual(['67890'])
  })

  it.each([2, 3, 4, 5, 7, 1000, 41003, 100000004, 100000005, 77])("passes ZEGOCLOUD's refusal on: %s", async (code) => {
    const calls = playZegocloud(() => refusal(code, 'because'))
    const { status, body } = await said(api('POST', '/snapshots', TENCENT))
    expect([status, body]).toMatchObject([502, { code: 'zego_error', zego_code: code, zego_message: 'because' }])
    expect(body.detail).toMatch(/[.] .+[.]$/)
    expect(calls).toHaveLength(1)
    expect(await rows('SELECT * FROM snapshots')).toEqual([])
  })

  it('says when to come again where it is "too frequent"', async () => {
    playZegocloud(() => refusal(6, 'too frequent'))
    const { status, headers, body } = await said(api('POST', '/snapshots', TENCENT))
    expect([status, body]).toMatchObject([429, { code: 'too_frequent' }])
    expect(headers.get('retry-after')).toBe('2')
  })

  it.each<[string, () => unknown]>([
    ['an error', () => Promise.reject(new Error('connection lost'))],
    ['a page', () => new Response('<html>', { status: 504 })],
    ['no task id', () => ok({ Tencent: {} })],
  ])('does not repeat what may have begun: %s', async (_title, answer) => {
    const calls = playZegocloud(answer)
    const { status, body } = await said(api('POST', '/snapshots', TENCENT))
    expect([status, body]).toMatchObject([504, { code: 'zego_unknown' }])
    expect(calls).toHaveLength(1)
  })

  it('waits 8 s for an answer, and no longer', { timeout: 15_000 }, async () => {
    const fetch = vi.spyOn(globalThis, 'fetch').mockImplementation((_input, init) => {
      const { promise, reject } = Promise.withResolvers<never>()
      init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason))
      return promise
    })
    expect((await said(api('POST', '/snapshots', TENCENT))).body).toMatchObject({
      code: 'zego_unknown',
      detail: expect.stringContaining('8 s'),
    })
    expect(fetch).toHaveBeenCalledTimes(1)
  })

  it('turns no finished record back, when the callback comes before the answer to the start', async () => {
    playZegocloud(async () => {
      await deliver(signedCallback({ task_id: 'race' }))
      return startedAs('race')()
    })
    const { status, body } = await said(api('POST', '/snapshots', TENCENT))
    expect([status, body]).toMatchObject([201, { task_id: 'race', status: 'completed', via: 'callback' }])
    expect(await (await read('race')).json()).toEqual(body)
  })

  it('tells the task id where it could not be registered', async () => {
    playZegocloud(startedAs('unregistered'))
    await register('makes the schema')
    vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1 is down'))
    const { status, body } = await said(api('POST', '/snapshots', TENCENT))
    expect([status, body]).toMatchObject([503, { code: 'storage_unavailable', task_id: 'unregistered' }])
  })
})

describe('PUT /v1/snapshots/{task_id}', () => {
  it.each(['plain', 'a/b', 'a%2Fb', '100%', 'ä€😀', 'confirmation'])('registers %s once', async (taskId) => {
    const first = await said(register(taskId))
    expect([first.status, first.body]).toMatchObject([201, { task_id: taskId, status: 'pending', vendor: 'tencent' }])
    const second = await said(register(taskId, 'Huawei'))
    expect([second.status, second.body]).toEqual([200, first.body])
    expect(await (await read(taskId)).json()).toEqual(first.body)
  })

  it('leaves a record that is there as it is', async () => {
    await deliver(signedCallback({ task_id: 'there' }))
    const before = await (await read('there')).json()
    const { status, body } = await said(register('there'))
    expect([status, body]).toEqual([200, before])
  })

  it('is a race that a callback wins, whoever is first', async () => {
    const both = Array.from({ length: 10 }, (_, n) => `race ${n}`)
    await Promise.all(both.flatMap((taskId) => [register(taskId), deliver(signedCallback({ task_id: taskId }))]))
    expect(await rows('SELECT status, count(*) AS count FROM snapshots GROUP BY status')).toEqual([
      { status: 'completed', count: 10 },
    ])
  })

  it.each<[string, unknown]>([
    ['vendor', { appid: '12345' }],
    ['vendor', { vendor: 'aws', appid: '12345' }],
    ['appid', { vendor: 'hw', appid: '99999' }],
    ['status', { vendor: 'hw', appid: '12345', status: 'completed' }],
    ['body', []],
  ])('names what is wrong: %s', async (parameter, given) => {
    const { status, body } = await said(api('PUT', '/snapshots/task', given))
    expect([status, body]).toMatchObject([400, { code: 'invalid_request', parameter }])
  })

  it.each(['x'.repeat(513), 'a%00b'])('refuses a task id that no callback can have: %s', async (path) => {
    const { status, body } = await said(api('PUT', `/snapshots/${path}`, { vendor: 'hw', appid: '12345' }))
    expect([status, body]).toMatchObject([400, { parameter: 'task_id' }])
  })
})

describe('GET /v1/snapshots/{task_id}/confirmation', () => {
  const confirmation = (taskId: string, settings = ON) =>
    said(api('GET', `/snapshots/${encodeURIComponent(taskId)}/confirmation`, undefined, settings))

  it('confirms what ZEGOCLOUD says too, and changes nothing', async () => {
    playZegocloud(() => finished(...URLS))
    await deliver(signedCallback({ task_id: 'a/b' }))
    const before = await rows('SELECT * FROM snapshots')
    expect((await confirmation('a/b')).body).toEqual({ confirmed: true })
    expect(await rows('SELECT * FROM snapshots')).toEqual(before)
  })

  it.each([
    ['another picture', ['http://evil.test/1.jpg', URLS[1]!]],
    ['another order', URLS.toReversed()],
    ['fewer pictures', URLS.slice(1)],
    ['none', []],
  ])('shows both lists where they differ: %s', async (_title, urls) => {
    playZegocloud(() => finished(...urls))
    await deliver(signedCallback({ task_id: 'differs' }))
    expect((await confirmation('differs')).body).toEqual({ confirmed: false, stored: URLS, zegocloud: urls })
  })

  it.each([
    ['https://bucket.test/record/a/0.jpg?sign=1', 'record/a/0.jpg', true],
    ['https://bucket.test/record/a%20b/0.jpg', 'record/a b/0.jpg', true],
    ['https://bucket.test/prefix/record/a/0.jpg', 'record/a/0.jpg', true],
    ['record/a/0.jpg', 'record/a/0.jpg', true],
    ['https://bucket.test/xrecord/a/0.jpg', 'record/a/0.jpg', false],
    ['https://bucket.test/?x=/record/a/0.jpg', 'record/a/0.jpg', false],
    ['https://bucket.test/record/a/1.jpg', 'record/a/0.jpg', false],
  ])("compares Huawei's names by the path's end: %s, %s", async (url, name, confirmed) => {
    playZegocloud(() => huawei('SUCCEEDED', { FileName: [name] }))
    const snapshot_pic_list = JSON.stringify([{ url }])
    await deliver(signedCallback({ task_id: 'hw', vendor: 'hw', field_id: '', snapshot_pic_list }))
    expect((await confirmation('hw')).body).toMatchObject({ confirmed })
  })

  it.each(['WAITING', 'PROCESSING'])('is null while ZEGOCLOUD is %s', async (status) => {
    playZegocloud(() => tencent(status))
    await deliver(signedCallback({ task_id: 'unfinished' }))
    expect((await confirmation('unfinished')).body).toEqual({ confirmed: null })
  })

  it('is null while nothing is stored that could be confirmed', async () => {
    playZegocloud(() => finished(...URLS))
    await register('pending')
    expect((await confirmation('pending')).body).toEqual({ confirmed: null })
    expect(await (await read('pending')).json()).toMatchObject({ status: 'pending' })
  })

  it.each([
    ['FAIL', () => tencent('FAIL')],
    ['unknown', () => refusal(1000)],
  ])('is false where ZEGOCLOUD has no pictures: %s', async (_title, answer) => {
    playZegocloud(answer)
    await deliver(signedCallback({ task_id: 'failed' }))
    expect((await confirmation('failed')).body).toEqual({ confirmed: false, stored: URLS, zegocloud: [] })
  })

  it('asks once more where no answer came, since asking changes nothing', async () => {
    let first = true
    const calls = playZegocloud(() => {
      if (!first) return finished(...URLS)
      first = false
      throw new Error('connection lost')
    })
    await deliver(signedCallback({ task_id: 'again' }))
    expect((await confirmation('again')).body).toEqual({ confirmed: true })
    expect(calls).toHaveLength(2)
  })

  it('knows no task that is not stored', async () => {
    const calls = playZegocloud(() => finished(...URLS))
    expect([(await confirmation('nobody')).status, calls]).toEqual([404, []])
  })
})

describe('without a ServerSecret', () => {
  const routes: [string, string, unknown][] = [
    ['POST', '/snapshots', TENCENT],
    ['PUT', '/snapshots/task', { vendor: 'hw', appid: '12345' }],
    ['GET', '/snapshots/task/confirmation', undefined],
  ]

  it.each(routes)('%s %s is off', async (method, path, body) => {
    for (const secret of [undefined, '', 'secret', '[]', '{}', '{"1":""}', '{"1":7}', '{']) {
      const answer = await said(api(method, path, body, { ...ON, ZEGO_SERVER_SECRET: secret }))
      expect([answer.status, answer.body]).toMatchObject([503, { code: 'not_configured' }])
    }
  })

  it.each(routes)('%s %s is off while the API has no URL that can be read', async (method, path, body) => {
    const answer = await said(api(method, path, body, { ...ON, ZEGO_API_URL: 'zegocloud' }))
    expect([answer.status, answer.body]).toMatchObject([503, { code: 'not_configured' }])
  })

  it('shows a setting that cannot be read on the health page, and not one that is missing', async () => {
    vi.useFakeTimers({ now: Date.UTC(2030, 1, 1), toFake: ['Date'] })
    const health = async (secret?: string) =>
      (await request('https://receiver.test/healthz', {}, { ZEGO_SERVER_SECRET: secret })).json()
    expect(await health()).toEqual({ status: 'ok' })
    vi.setSystemTime(Date.UTC(2030, 1, 2))
    expect(await health('{')).toMatchObject({ parts: expect.arrayContaining(['settings']) })
  })

  it.each(routes)('%s %s is for whoever has the API token', async (method, path, body) => {
    const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
    expect((await request(`https://receiver.test/v1${path}`, init, ON)).status).toBe(401)
  })
})

it('answers 503 while D1 is down, and starts nothing', async () => {
  const calls = playZegocloud(hang)
  vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
    throw new Error('D1 is down')
  })
  expect((await said(api('POST', '/snapshots', TENCENT))).body).toMatchObject({ code: 'storage_unavailable' })
  expect(calls).toEqual([])
})

it('gives up where the turn is far away, and says when to come again', async () => {
  const calls = playZegocloud(startedAs('task'))
  await register('makes the schema')
  await env.DB.prepare(`INSERT INTO turns (appid, next_at) VALUES ('12345', unixepoch() * 1000 + 60000)`).run()
  const { status, headers } = await said(api('POST', '/snapshots', TENCENT))
  expect([status, headers.get('retry-after')]).toEqual([429, '3'])
  expect(calls).toEqual([])
})
