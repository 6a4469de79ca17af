import { describe, expect, it, vi } from 'vitest'
import { PICTURES, signedCallback } from '../callbacks.ts'
import { deliver, read, request, rows } from '../worker.ts'
import { api, finished, huawei, ON, playZegocloud, refusal, register, said, tencent } from '../zego/zegocloud.ts'

const URLS = PICTURES.map(({ url }) => url)
const TENCENT = { Vendor: 'Tencent', FileId: '1397757897438985100', Type: 'SampleSnapshot', Definition: 10 }

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
    ['NO_TASK', () => tencent('NO_TASK')],
    ['an error about the task', () => refusal(1000)],
  ])('is unknown where ZEGOCLOUD does not know the task any more: %s', async (_title, answer) => {
    playZegocloud(answer)
    await deliver(signedCallback({ task_id: 'old' }))
    expect((await confirmation('old')).body).toEqual({ confirmed: null, reason: 'unknown' })
  })

  it('is false where the task failed at ZEGOCLOUD', async () => {
    playZegocloud(() => tencent('FAIL'))
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

  it.each(routes)('%s %s is off, and while the API has no URL that can be read', async (method, path, body) => {
    const secrets = [undefined, '', 'secret', '[]', '{}', '{"1":""}', '{"1":7}', '{']
    for (const given of [...secrets.map((ZEGO_SERVER_SECRET) => ({ ZEGO_SERVER_SECRET })), { ZEGO_API_URL: 'x' }]) {
      const answer = await said(api(method, path, body, { ...ON, ...given }))
      expect([answer.status, answer.body]).toMatchObject([503, { code: 'not_configured' }])
    }
  })

  it('shows a setting that cannot be read on the health page, and not one that is missing', async () => {
    vi.useFakeTimers({ now: Date.UTC(2030, 1, 1), toFake: ['Date'] })
    const health = async (secret?: string) =>
      (await request('https://receiver.test/healthz', {}, { ZEGO_SERVER_SECRET: secret })).json()
    expect(await health()).toEqual({ status: 'ok' })
    vi.setSystemTime(Date.UTC(2030, 1, 2))
    expect(await health('{')).toMatchObject({ parts: expect.arrayContaining(['settings']) })
  })
})
