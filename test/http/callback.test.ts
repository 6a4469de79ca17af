import { env } from 'cloudflare:workers'
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

  it('is a duplicate when it comes again, signed anew or not, and sends no second event', async () => {
    const send = vi.spyOn(env.EVENTS, 'send')
    await deliver(signedCallback({ task_id: 'twice', nonce: '1' }))
    for (const nonce of ['1', '2']) {
      const answer = await deliver(signedCallback({ task_id: 'twice', nonce }))
      expect([answer.status, await answer.json()]).toEqual([200, { status: 'duplicate', task_id: 'twice' }])
    }
    expect(send).toHaveBeenCalledTimes(1)
  })

  it.each(['', '/', '?a=1', '/?a=1', '/anything', '/any/thing/'])('is taken at /zego/callback%s', async (rest) => {
    const answer = await request(`${URL}${rest}`, { method: 'POST', body: JSON.stringify(signedCallback()) })
    expect(answer.status).toBe(200)
  })

  it('in another event of the family is kept, not thrown away', async () => {
    const answer = await deliver(signedCallback({ event: 'compose' }))
    expect(answer.status).toBe(202)
    const { id, ...said } = await answer.json<{ id: string }>()
    expect(said).toEqual({ status: 'quarantined', reason: 'unsupported_event' })
    expect(await rows('SELECT id, reason FROM quarantine')).toEqual([{ id, reason: 'unsupported_event' }])
    const again = await deliver(signedCallback({ event: 'compose' }))
    expect([again.status, await again.json()]).toEqual([202, { ...said, id }])
  })

  it('with other content for a known task is a conflict: the first content stays', async () => {
    await deliver(signedCallback({ task_id: 'task', vendor: 'tencent' }))
    const answer = await deliver(signedCallback({ task_id: 'task', vendor: 'hw' }))
    expect(answer.status).toBe(202)
    expect(await answer.json()).toMatchObject({ status: 'quarantined', reason: 'conflict' })
    expect(await (await read('task')).json()).toMatchObject({ vendor: 'tencent' })
  })
})

describe('refusals', () => {
  async function refusal(answer: Response): Promise<unknown[]> {
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    const { code, status, type, title, detail } = await answer.json<Record<string, unknown>>()
    expect({ type, status }).toEqual({ type: `urn:zego-snapshots:problem:${String(code)}`, status: answer.status })
    expect(title && detail).toBeTruthy()
    return [answer.status, code]
  }

  it('name what is wrong with the signature or the time', async () => {
    const byApp = { ZEGO_CALLBACK_SECRET: '{"12345":"secret","777":"other"}' }
    const old = String(Math.floor(Date.now() / 1000) - 10_000)
    expect(await refusal(await deliver('{'))).toEqual([400, 'undecodable'])
    expect(await refusal(await deliver(signedCallback({}, 'wrong')))).toEqual([401, 'bad_signature'])
    expect(await refusal(await deliver(signedCallback({}, 'other'), byApp))).toEqual([401, 'unknown_app'])
    expect(await refusal(await deliver(signedCallback({ appid: '1' }), byApp))).toEqual([401, 'unknown_app'])
    expect(await refusal(await deliver(signedCallback({ timestamp: '123' })))).toEqual([401, 'invalid_timestamp'])
    expect(await refusal(await deliver(signedCallback({ timestamp: old })))).toEqual([401, 'stale'])
    expect(await rows('SELECT * FROM ledger')).toEqual([])
    expect(await rows('SELECT reason FROM quarantine ORDER BY reason')).toEqual(
      ['bad_signature', 'invalid_timestamp', 'stale', 'undecodable', 'unknown_app', 'unknown_app'].map((reason) => ({
        reason,
      })),
    )
  })

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

  it('wait for a body no longer than its limit, announced or not', async () => {
    const fitting = JSON.stringify(signedCallback()).padEnd(1_900_000)
    const large = `${fitting} `
    const chunked = new Blob([large]).stream()
    expect((await deliver(fitting)).status).toBe(200)
    expect(await refusal(await deliver(large))).toEqual([413, 'body_too_large'])
    const answer = await request(URL, { method: 'POST', body: chunked })
    expect(await refusal(answer)).toEqual([413, 'body_too_large'])
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
    ['is missing', undefined],
    ['is empty', ''],
    ['is white space', '  '],
    ['is an empty list', '[]'],
    ['has an empty string in its list', '["secret",""]'],
    ['has a number in its list', '["secret",1]'],
    ['is broken JSON', '["secret"'],
    ['names no app', '{}'],
  ])('refuse every callback while the secret %s, also one signed with no secret', async (_title, secret) => {
    for (const forged of ['secret', 'undefined', '']) {
      const answer = await deliver(signedCallback({}, forged), { ZEGO_CALLBACK_SECRET: secret })
      expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'not_configured' }])
    }
  })

  it.each([
    ['a plain secret', 'secret'],
    ['white space around it', '  secret\n'],
    ['a list, for rotation', '["new","secret"]'],
    ['an object, by appid', '{"12345":"secret"}'],
    ['lists by appid', ' {"12345":["new","secret"],"2":"other"}'],
  ])('take %s', async (_title, secret) => {
    expect((await deliver(signedCallback(), { ZEGO_CALLBACK_SECRET: secret })).status).toBe(200)
  })

  it('take a number for a secret', async () => {
    expect((await deliver(signedCallback({}, '12345678'), { ZEGO_CALLBACK_SECRET: 12345678 })).status).toBe(200)
  })

  it.each(['', 'ten', '-1', '1e3', '[600]', {}, Number.NaN])(
    'refuse callbacks when the tolerance is %j',
    async (tolerance) => {
      const answer = await deliver(signedCallback(), { SIGNATURE_TOLERANCE_SECONDS: tolerance })
      expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'not_configured' }])
    },
  )

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

  it('refuse callbacks while the path token cannot be read', async () => {
    const answer = await deliver(signedCallback(), { CALLBACK_PATH_TOKEN: '[' })
    expect(await answer.json()).toMatchObject({
      code: 'not_configured',
      detail: expect.stringContaining('CALLBACK_PATH_TOKEN'),
    })
  })
})
