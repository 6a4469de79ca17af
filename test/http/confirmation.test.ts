import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { PICTURES, signedCallback } from '../callbacks.ts'
import { deliver, read, rows } from '../worker.ts'
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
    ['record/a/0.jpg', 'https://bucket.test/record/a/0.jpg', true],
    ['record/a/1.jpg', 'https://bucket.test/record/a/0.jpg', false],
    ['https://bucket.test/xrecord/a/0.jpg', 'record/a/0.jpg', false],
    ['https://bucket.test/?x=/record/a/0.jpg', 'record/a/0.jpg', false],
    ['https://bucket.test/record/a/1.jpg', 'record/a/0.jpg', false],
  ])("compares Huawei's names by the path's end: %s, %s", async (url, name, confirmed) => {
    playZegocloud(() => huawei('SUCCEEDED', { FileName: [name] }))
    const snapshot_pic_list = JSON.stringify([{ url }])
    await deliver(signedCallback({ task_id: 'hw', vendor: 'hw', field_id: '', snapshot_pic_list }))
    expect((await confirmation('hw')).body).toMatchObject({ confirmed })
  })

  it.each([
    ['while it waits', tencent('WAITING'), { confirmed: null }],
    ['while it is made', tencent('PROCESSING'), { confirmed: null }],
    ['that ZEGOCLOUD does not know any more', tencent('NO_TASK'), { confirmed: null, reason: 'unknown' }],
    ['that ZEGOCLOUD answers with an error', refusal(1000), { confirmed: null, reason: 'unknown' }],
    ['that failed', tencent('FAIL'), { confirmed: false, stored: URLS, zegocloud: [] }],
  ])('says of a task %s what that means', async (_title, answer, body) => {
    playZegocloud(() => answer)
    await deliver(signedCallback({ task_id: 'task' }))
    expect((await confirmation('task')).body).toEqual(body)
  })

  it('is null while nothing is stored that could be confirmed', async () => {
    playZegocloud(() => finished(...URLS))
    await register('pending')
    expect((await confirmation('pending')).body).toEqual({ confirmed: null })
    expect(await (await read('pending')).json()).toMatchObject({ status: 'pending' })
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

  it('is asked for in another slot of the rate limit where its own has passed meanwhile', async () => {
    playZegocloud(() => finished(...URLS))
    await deliver(signedCallback({ task_id: 'late' }))
    const wait = scheduler.wait.bind(scheduler)
    vi.spyOn(scheduler, 'wait').mockImplementationOnce(() => wait(500))
    const prepared = vi.spyOn(env.DB, 'prepare')
    expect((await confirmation('late')).body).toEqual({ confirmed: true })
    expect(prepared.mock.calls.filter(([sql]) => sql.includes('INSERT INTO turns'))).toHaveLength(2)
  })

  it('knows no task that is not stored', async () => {
    const calls = playZegocloud(() => finished(...URLS))
    expect([(await confirmation('nobody')).status, calls]).toEqual([404, []])
  })
})

it.each<[string, string, unknown]>([
  ['POST', '/snapshots', TENCENT],
  ['PUT', '/snapshots/task', { vendor: 'hw', appid: '12345' }],
  ['GET', '/snapshots/task/confirmation', undefined],
])('%s %s is off without a ServerSecret or a URL that can be read', async (method, path, body) => {
  for (const given of [{ ZEGO_SERVER_SECRET: undefined }, { ZEGO_SERVER_SECRET: '{' }, { ZEGO_API_URL: 'x' }]) {
    const answer = await said(api(method, path, body, { ...ON, ...given }))
    expect([answer.status, answer.body]).toMatchObject([503, { code: 'not_configured' }])
  }
})
