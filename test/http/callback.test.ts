import { describe, expect, it, vi } from 'vitest'
import { PICTURES, signedCallback } from '../callbacks.ts'
import { deliver, events, read, recordInKv, request, rows } from '../worker.ts'

const URL = 'https://receiver.test/zego/callback'

describe('a genuine callback', () => {
  it('comes out of D1, KV and the queue as one record', async () => {
    const callback = signedCallback({ task_id: 'whole way' })
    const answer = await deliver(callback)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ status: 'stored', task_id: 'whole way' })

    const record = await (await read('whole way')).json<Record<string, unknown>>()
    expect(record).toEqual({
      task_id: 'whole way',
      status: 'completed',
      appid: '12345',
      vendor: 'tencent',
      field_id: '1397757897438985100',
      snapshot_pic_list: PICTURES,
      via: 'callback',
      signed_at: new Date(Number(callback.timestamp) * 1000).toISOString(),
      received_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    expect(await recordInKv('whole way')).toEqual(record)
    expect(await events('whole way')).toMatchObject([{ type: 'com.zegocloud.snapshot.completed', data: record }])
    expect(await rows('SELECT kv_due, event_due, publish_at FROM snapshots')).toEqual([
      { kv_due: null, event_due: null, publish_at: null },
    ])
  })

  it.each(['', '/', '?a=1', '/?a=1', '/anything', '/any/thing/'])('is taken at /zego/callback%s', async (rest) => {
    const answer = await request(`${URL}${rest}`, { method: 'POST', body: JSON.stringify(signedCallback()) })
    expect(answer.status).toBe(200)
  })
})

describe('refusals', () => {
  it('say which method and where results are read', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
      const answer = await request(URL, { method })
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
    }
    expect(await (await request(URL)).text()).toContain('/v1/snapshots/')
  })

  it('end with the command that helps, and say what to compare where the path is wrong, to GET as to POST', async () => {
    const foreign = await deliver(signedCallback({ appid: '1' }), { ZEGO_CALLBACK_SECRET: '{"12345":"secret"}' })
    expect((await foreign.json<{ detail: string }>()).detail).toMatch(/\. Set it with: \S[^.]*$/)
    for (const method of ['GET', 'POST']) {
      const answer = await request(`${URL}/other`, { method }, { CALLBACK_PATH_TOKEN: 'token' })
      const detail = expect.stringContaining('Compare the URL')
      expect([answer.status, await answer.json()]).toMatchObject([404, { detail }])
    }
  })

  it('come without a word of the secrets', async () => {
    const spies = (['info', 'warn', 'error'] as const).map((level) => vi.spyOn(console, level))
    const callback = signedCallback({}, 'another-secret')
    const answers = [
      await deliver(callback),
      await deliver(callback, { ZEGO_CALLBACK_SECRET: '["very-secret", 5]' }),
      await request(`${URL}/very-secret-path`, { method: 'POST' }, { CALLBACK_PATH_TOKEN: 'other-secret-path' }),
      await deliver({ ...signedCallback(), task_id: '' }),
      await deliver(`{"signature": "${callback.signature}`),
    ]
    const said = [
      ...(await Promise.all(answers.map((answer) => answer.text()))),
      JSON.stringify(spies.map((s) => s.mock.calls)),
    ]
    expect(said.join()).not.toMatch(/very-secret|another-secret|secret-path/)
    expect(said.join()).not.toContain(callback.signature)
  })
})

describe('settings', () => {
  it.each([
    ['a plain secret', 'secret'],
    ['white space around it', '  secret\n'],
    ['a number', 12345678, '12345678'],
    ['a list, for rotation', '["new","secret"]'],
    ['an object, by appid', '{"12345":"secret"}'],
    ['lists by appid', ' {"12345":["new","secret"],"2":"other"}'],
  ])('take %s', async (_title, given, secret = 'secret') => {
    expect((await deliver(signedCallback({}, secret), { ZEGO_CALLBACK_SECRET: given })).status).toBe(200)
  })

  it.each([
    ...['', 'ten', '-1', '1e3', '[600]', {}, Number.NaN].map(
      (given) => ['SIGNATURE_TOLERANCE_SECONDS', given] as const,
    ),
    ['CALLBACK_PATH_TOKEN', '['] as const,
    ...[undefined, '', '  ', '[]', '["secret",""]', '["secret",1]', '["secret"', '{}'].map(
      (given) => ['ZEGO_CALLBACK_SECRET', given] as const,
    ),
  ])('refuse callbacks while they cannot be read: %s is %j', async (setting, given) => {
    const answer = await deliver(signedCallback(), { [setting]: given })
    expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'not_configured', setting }])
  })

  it.each([10_001, '10001', ' 10001 ', 0, '0'])('take a tolerance of %j', async (tolerance) => {
    const timestamp = String(Math.floor(Date.now() / 1000) - 10_000)
    expect((await deliver(signedCallback({ timestamp }), { SIGNATURE_TOLERANCE_SECONDS: tolerance })).status).toBe(200)
  })

  it.each(['0000000000', '0000000000000'])(
    'is stored with the timestamp %s while ages are not checked',
    async (timestamp) => {
      const answer = await deliver(signedCallback({ timestamp }), { SIGNATURE_TOLERANCE_SECONDS: 0 })
      expect(await answer.json()).toMatchObject({ status: 'stored' })
    },
  )

  it('ask for the path token, if there is one, before anything else', async () => {
    const settings = { CALLBACK_PATH_TOKEN: '["s3cret-path","old one"]' }
    const statusAt = async (path: string, method = 'POST', more = {}) => {
      const body = method === 'POST' ? JSON.stringify(signedCallback()) : null
      return (await request(`${URL}${path}`, { method, body }, { ...settings, ...more })).status
    }
    expect(await statusAt('/s3cret-path')).toBe(200)
    expect(await statusAt('/s3cret%2Dpath/')).toBe(200)
    expect(await statusAt('/old%20one?x')).toBe(200)
    expect(await statusAt('/s3cret-path', 'GET')).toBe(405)
    for (const path of ['', '/', '/s3cret', '/s3cret-path/x', '/S3cret-path', '/%E0%A4%A']) {
      expect(await statusAt(path)).toBe(404)
      expect(await statusAt(path, 'GET')).toBe(404)
    }
    expect(await statusAt('/wrong', 'POST', { ZEGO_CALLBACK_SECRET: undefined })).toBe(404)
    expect(await statusAt('/s3cret-path', 'POST', { ZEGO_CALLBACK_SECRET: undefined })).toBe(503)
  })
})
