import { env } from 'cloudflare:workers'
import { describe, it, expect, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver, read, request } from '../worker.ts'
import { api, del, get, post } from './api.ts'
import { holds, validator } from './document.ts'

describe('what is documented is what is answered', () => {
  it('by the callback', async () => {
    const path = '/zego/callback'
    const callback = signedCallback({ task_id: 'a' })
    await holds('post', path, await deliver(callback))
    await holds('post', path, await deliver(callback))
    await holds('post', path, await deliver({ ...callback, vendor: 'hw' }))
    await holds('post', path, await deliver(signedCallback({ event: 'compose' })))
    await holds('post', path, await deliver(signedCallback({}, 'wrong')))
    await holds('post', path, await deliver('{'))
    await holds('post', path, await deliver(' '.repeat(1_900_001)))
    await holds('post', path, await deliver(callback, { ZEGO_CALLBACK_SECRET: undefined }))
    await holds('post', '/zego/callback/{token}', await deliver(callback, { CALLBACK_PATH_TOKEN: 'token' }))
    await holds('post', path, await request('https://receiver.test/zego/callback'))
    vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1_ERROR: down'))
    await holds('post', path, await deliver(signedCallback()))
  })

  it('by the reading of snapshots', async () => {
    const extra = { ...signedCallback({ task_id: 'a' }), unknown: { a: [1] } }
    await deliver(extra)
    await holds('get', '/v1/snapshots', await get('/v1/snapshots'))
    await holds('get', '/v1/snapshots', await get('/v1/snapshots?order=oldest'))
    await holds('get', '/v1/snapshots', await get('/v1/snapshots?limit=0'))
    const one = await get('/v1/snapshots/a')
    const etag = one.headers.get('etag')!
    await holds('get', '/v1/snapshots/{task_id}', one)
    const again = await api('/v1/snapshots/a', { headers: { 'if-none-match': etag } })
    expect(again.status).toBe(304)
    await holds('get', '/v1/snapshots/{task_id}', again)
    await holds('get', '/v1/snapshots/{task_id}', await read('unknown'))
    await holds('get', '/v1/snapshots/{task_id}', await get('/v1/snapshots/a?wait=99'))
    await holds('get', '/v1/snapshots/{task_id}', await request('https://receiver.test/v1/snapshots/a'))
    await holds('get', '/v1/snapshots/{task_id}', await get('/v1/snapshots/a', { API_TOKEN: undefined }))
  })

  it('by what is done with snapshots', async () => {
    await deliver(signedCallback({ task_id: 'a' }))
    await env.DB.prepare(
      `INSERT INTO snapshots (place, task_id, status, record) VALUES (1, 'p', 'pending', '{}')`,
    ).run()
    const path = '/v1/snapshots/{task_id}/republish'
    await holds('post', path, await post('/v1/snapshots/a/republish'))
    await holds('post', path, await post('/v1/snapshots/p/republish'))
    await holds('post', path, await post('/v1/snapshots/unknown/republish'))
    const range = '/v1/republish?since=2026-01-01&until=2100-01-01'
    await holds('post', '/v1/republish', await post(range))
    await holds('post', '/v1/republish', await post('/v1/republish'))
    const readOnly = { headers: { authorization: 'Bearer reads' }, method: 'POST' }
    await holds('post', '/v1/republish', await api(range, readOnly, { READ_TOKEN: 'reads' }))
    await holds('delete', '/v1/snapshots/{task_id}', await del('/v1/snapshots/a'))
    await holds('delete', '/v1/snapshots/{task_id}', await del('/v1/snapshots/a?x'))
  })

  it('by the quarantine', async () => {
    const signature = signedCallback({ task_id: 'a' })
    await deliver(signature)
    await deliver({ ...signature, task_id: 'b' })
    await deliver(signedCallback({ task_id: 'a', vendor: 'hw' }))
    await holds('get', '/v1/quarantine', await get('/v1/quarantine'))
    await holds('get', '/v1/quarantine', await get('/v1/quarantine?reason=x'))
    const { items } = await (await get('/v1/quarantine')).json<{ items: { id: string }[] }>()
    for (const { id } of items) {
      await holds('get', '/v1/quarantine/{id}', await get(`/v1/quarantine/${id}`))
      await holds('post', '/v1/quarantine/{id}/retry', await post(`/v1/quarantine/${id}/retry`))
    }
    await holds('post', '/v1/quarantine/{id}/retry', await post(`/v1/quarantine/${items[0]!.id}/retry?replace=true`))
    await holds('post', '/v1/quarantine/{id}/retry', await post('/v1/quarantine/none/retry'))
    await holds('get', '/v1/quarantine/{id}', await get('/v1/quarantine/none'))
    await holds('delete', '/v1/quarantine/{id}', await del('/v1/quarantine/none'))
    await holds('delete', '/v1/quarantine', await del('/v1/quarantine?reason=conflict'))
    await holds('delete', '/v1/quarantine', await del('/v1/quarantine'))
  })

  it('by status, health and the document itself', async () => {
    await deliver(signedCallback({ task_id: 'a' }))
    await deliver(signedCallback({}, 'wrong'))
    await holds('get', '/v1/status', await get('/v1/status'))
    await holds('get', '/v1/status', await get('/v1/status?x'))
    await holds('get', '/healthz', await request('https://receiver.test/healthz'))
    await holds('get', '/openapi.json', await request('https://receiver.test/openapi.json'))
    vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ['Date'] })
    await holds('get', '/healthz', await request('https://receiver.test/healthz', {}, { RETENTION_DAYS: 'x' }))
  })

  it('by the routes that need ZEGO_SERVER_SECRET, while it is not set', async () => {
    const init = { method: 'POST', body: '{}' }
    await holds('post', '/v1/snapshots', await api('/v1/snapshots', init))
    await holds('put', '/v1/snapshots/{task_id}', await api('/v1/snapshots/a', { ...init, method: 'PUT' }))
    await holds('get', '/v1/snapshots/{task_id}/confirmation', await get('/v1/snapshots/a/confirmation'))
  })

  it('by the routes that need ZEGO_SERVER_SECRET, while it is set', async () => {
    const on = { ZEGO_SERVER_SECRET: '{"12345":"server-secret-of-32-characters!!"}' }
    const start = { Vendor: 'Tencent', FileId: '1', Type: 'SampleSnapshot', Definition: 10 }
    const answers = [
      Response.json({ Code: 0, Data: { Tencent: { TaskId: 'task' } } }),
      Response.json({ Code: 2, Message: 'no' }),
      Response.json({ Code: 6, Message: 'too frequent' }),
      new Response('?'),
    ]
    const fetch = vi.spyOn(globalThis, 'fetch')
    const ask = (body: unknown) => api('/v1/snapshots', { method: 'POST', body: JSON.stringify(body) }, on)
    for (const answer of answers) {
      fetch.mockResolvedValueOnce(answer)
      await holds('post', '/v1/snapshots', await ask(start))
    }
    await holds('post', '/v1/snapshots', await ask({}))
    const put = { method: 'PUT', body: JSON.stringify({ vendor: 'hw' }) }
    for (const path of ['/v1/snapshots/new', '/v1/snapshots/new', '/v1/snapshots/a%00b']) {
      await holds('put', '/v1/snapshots/{task_id}', await api(path, put, on))
    }
    await holds('get', '/v1/snapshots/{task_id}/confirmation', await get('/v1/snapshots/none/confirmation', on))
  })

  it('as the bodies that start and register a task', () => {
    const takes = (name: string, body: object) =>
      validator({ $ref: `#/components/schemas/${name}` }).safeParse(body).success
    const start = { Vendor: 'Tencent', FileId: '1', Type: 'SampleSnapshot', Definition: 10 }
    expect(takes('Start', start)).toBe(true)
    expect(takes('Start', { ...start, Interval: 1 })).toBe(false)
    expect(takes('Start', { ...start, FileId: 'x'.repeat(513) })).toBe(false)
    expect(takes('Registration', { vendor: 'hw', appid: '1' })).toBe(true)
    expect(takes('Registration', { vendor: 'aws' })).toBe(false)
  })
})
