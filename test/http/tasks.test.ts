import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { snapshotRecord } from '../../src/event.ts'
import { read, rows } from '../worker.ts'
import { api, ok, playZegocloud, refusal, register, said, SECRETS, TWO_APPS } from '../zego/zegocloud.ts'

const TENCENT = { Vendor: 'Tencent', FileId: '1397757897438985100', Type: 'SampleSnapshot', Definition: 10 }
/** Its FileId is as long as one may be. */
const HUAWEI = { Vendor: 'Huawei', FileId: 'ä'.repeat(256), Type: 'SampleSnapshot', Interval: 5 }
const ALLOWED = 'Vendor, AppId, FileId, Type, ExtTimeOffsetSet, Definition'
const startedAs = (TaskId: string) => () => ok({ Tencent: { TaskId, RequestId: '1' } })
const hang = () => new Promise<never>(() => {})

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

  it.each<[string, object, string?]>([
    ['Vendor', { Vendor: 'Amazon' }, 'Vendor must be "Tencent" or "Huawei".'],
    ['FileId', { FileId: '' }],
    ['FileId', { FileId: 7 }],
    ['FileId', { FileId: 'ä'.repeat(257) }, 'FileId must be a string of 1 to 512 bytes of UTF-8.'],
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
    ['Callback', { Callback: 'http://evil.test' }, `"Callback" is not allowed: the request takes ${ALLOWED}.`],
  ])('names what is wrong and its rule, and sends nothing: %s %j', async (parameter, change, rule) => {
    const calls = playZegocloud(startedAs('task'))
    const { status, body } = await said(api('POST', '/snapshots', { ...TENCENT, ...change }))
    const detail = rule ?? expect.any(String)
    expect([status, body]).toMatchObject([400, { code: 'invalid_request', parameter, detail }])
    expect(calls).toEqual([])
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

  it.each<[string, () => unknown, number, object]>([
    ...[2, 3, 4, 5, 7, 1000, 41003, 100000004, 100000005, 77].map(
      (zego_code): [string, () => unknown, number, object] => {
        const problem = { code: 'zego_error', zego_code, zego_message: 'because' }
        return [`refusal ${zego_code}`, () => refusal(zego_code, 'because'), 502, problem]
      },
    ),
    ['refusal in words with the secret', () => refusal(7, `no ${SECRETS['12345']}`), 502, { zego_message: 'no …' }],
    ['refusal 6', () => refusal(6, 'too frequent'), 429, { code: 'too_frequent' }],
    ['lost connection', () => Promise.reject(new Error('connection lost')), 504, { code: 'zego_unknown' }],
    ['page', () => new Response('<html>', { status: 504 }), 504, { code: 'zego_unknown' }],
    ['answer without a task id', () => ok({ Tencent: {} }), 504, { code: 'zego_unknown' }],
  ])("says what ZEGOCLOUD's %s means, repeats nothing that may have begun, and registers nothing", async (...row) => {
    const [, answer, status, problem] = row
    const calls = playZegocloud(answer)
    const answered = await said(api('POST', '/snapshots', TENCENT))
    expect([answered.status, answered.body]).toMatchObject([status, problem])
    expect(answered.body.detail).toMatch(/[.] .+[.]$/)
    expect(answered.headers.get('retry-after')).toBe(status === 429 ? '2' : null)
    expect(calls).toHaveLength(1)
    expect(await rows('SELECT * FROM snapshots')).toEqual([])
  })

  it('waits 8 s for an answer, and no longer', async () => {
    const late = AbortSignal.abort(new DOMException('It took too long.', 'TimeoutError'))
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(late)
    const fetch = vi.spyOn(globalThis, 'fetch').mockImplementation(async (_input, init) => {
      init!.signal!.throwIfAborted()
      return new Response()
    })
    const { body } = await said(api('POST', '/snapshots', TENCENT))
    expect(body).toMatchObject({ code: 'zego_unknown', detail: expect.stringContaining('8 s') })
    expect(timeout).toHaveBeenCalledWith(8000)
    expect(fetch).toHaveBeenCalledTimes(1)
  })

  it('is registered though D1 fails at first: nobody else knows of it', async () => {
    playZegocloud(startedAs('patient'))
    await register('makes the schema')
    vi.spyOn(env.DB, 'batch').mockRejectedValueOnce(new Error('D1 is down'))
    expect((await said(api('POST', '/snapshots', TENCENT))).status).toBe(201)
    expect((await read('patient')).status).toBe(200)
  })

  it('tells the task id where it could not be registered', async () => {
    playZegocloud(startedAs('unregistered'))
    await register('makes the schema')
    vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1 is down'))
    const { status, body } = await said(api('POST', '/snapshots', TENCENT))
    expect([status, body]).toMatchObject([503, { code: 'storage_unavailable', task_id: 'unregistered' }])
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
