/** Each answer of each route: its status, its code, and that it fits its schema. */
import { env } from 'cloudflare:workers'
import { describe, it, expect, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver, request } from '../worker.ts'
import { api, del, get, post } from './api.ts'
import { holds, validator } from './document.ts'

describe('what is documented is what is answered', () => {
  it('by the callback', async () => {
    const route = 'POST /zego/callback'
    const callback = signedCallback({ task_id: 'a' })
    const again = { timestamp: callback.timestamp, nonce: 'again', task_id: 'a' }
    await holds(route, '200 stored', await deliver(callback))
    await holds(route, '200 duplicate', await deliver(callback))
    await holds(route, '200 duplicate', await deliver(signedCallback(again)))
    await holds(route, '409 signature_reused', await deliver({ ...callback, vendor: 'hw' }))
    await holds(route, '202 conflict', await deliver(signedCallback({ task_id: 'a', vendor: 'hw' })))
    await holds(route, '202 unsupported_event', await deliver(signedCallback({ event: 'compose' })))
    await holds(route, '202 invalid_snapshot', await deliver(signedCallback({ task_id: '' })))
    await holds(route, '400 undecodable', await deliver('{'))
    await holds(route, '200 duplicate', await deliver(JSON.stringify(callback).padEnd(1_900_000)))
    await holds(route, '413 body_too_large', await deliver(JSON.stringify(callback).padEnd(1_900_001)))
    await holds(route, '503 not_configured', await deliver(callback, { ZEGO_CALLBACK_SECRET: undefined }))
    const byToken = 'POST /zego/callback/{token}'
    await holds(byToken, '404 not_found', await deliver(callback, { CALLBACK_PATH_TOKEN: 'token' }))
    await holds(route, '405 method_not_allowed', await request('https://receiver.test/zego/callback'))
    vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1_ERROR: down'))
    await holds(route, '202 accepted', await deliver(signedCallback(), { INTAKE: { send: async () => {} } }))
    const down = () => Promise.reject(new Error('down'))
    const nothing = { INTAKE: { send: down }, ASIDE: { put: down } }
    await holds(route, '503 storage_unavailable', await deliver(signedCallback(), nothing))
  })

  it('by the callback, of a signature or a time that is wrong, which leave the ledger alone', async () => {
    const byApp = { ZEGO_CALLBACK_SECRET: '{"12345":"secret","777":"other"}' }
    const old = String(Math.floor(Date.now() / 1000) - 10_000)
    for (const [gist, callback] of [
      ['401 bad_signature', signedCallback({}, 'wrong')],
      ['401 unknown_app', signedCallback({}, 'other')],
      ['401 unknown_app', signedCallback({ appid: '1' })],
      ['401 invalid_timestamp', signedCallback({ timestamp: '123' })],
      ['401 stale', signedCallback({ timestamp: old })],
    ] as const) {
      await holds('POST /zego/callback', gist, await deliver(callback, byApp))
    }
    expect((await env.DB.prepare('SELECT * FROM ledger').all()).results).toEqual([])
  })

  it('by the reading of snapshots', async () => {
    await deliver({ ...signedCallback({ task_id: 'a' }), unknown: { a: [1] } })
    const all = 'GET /v1/snapshots'
    await holds(all, '200', await get('/v1/snapshots'))
    await holds(all, '200', await get('/v1/snapshots?order=oldest'))
    await holds(all, '400 invalid_request', await get('/v1/snapshots?limit=0'))
    const one = 'GET /v1/snapshots/{task_id}'
    const etag = (await get('/v1/snapshots/a')).headers.get('etag')!
    await holds(one, '200 completed', await get('/v1/snapshots/a'))
    await holds(one, '304', await api('/v1/snapshots/a', { headers: { 'if-none-match': etag } }))
    await holds(one, '404 not_found', await get('/v1/snapshots/unknown'))
    await holds(one, '400 invalid_request', await get('/v1/snapshots/a?wait=99'))
    await holds(one, '401 unauthorized', await request('https://receiver.test/v1/snapshots/a'))
    await holds(one, '503 not_configured', await get('/v1/snapshots/a', { API_TOKEN: undefined }))
  })

  it('by what is done with snapshots', async () => {
    await deliver(signedCallback({ task_id: 'a' }))
    await env.DB.prepare(
      `INSERT INTO snapshots (place, task_id, status, record) VALUES (1, 'p', 'pending', '{}')`,
    ).run()
    const one = 'POST /v1/snapshots/{task_id}/republish'
    await holds(one, '202 accepted', await post('/v1/snapshots/a/republish'))
    await holds(one, '409 not_finished', await post('/v1/snapshots/p/republish'))
    await holds(one, '404 not_found', await post('/v1/snapshots/unknown/republish'))
    const range = '/v1/republish?since=2026-01-01&until=2100-01-01'
    await holds('POST /v1/republish', '202', await post(range))
    await holds('POST /v1/republish', '400 invalid_request', await post('/v1/republish'))
    const readOnly = { headers: { authorization: 'Bearer reads' }, method: 'POST' }
    await holds('POST /v1/republish', '403 forbidden', await api(range, readOnly, { READ_TOKEN: 'reads' }))
    for (let n = 0; n < 2; n += 1) {
      await holds('DELETE /v1/snapshots/{task_id}', '204', await del('/v1/snapshots/a'))
    }
    await holds('DELETE /v1/snapshots/{task_id}', '400 invalid_request', await del('/v1/snapshots/a?x'))
  })

  it('by the quarantine', async () => {
    const used = signedCallback({ task_id: 'a' })
    await deliver(used)
    await deliver({ ...used, task_id: 'b' })
    await deliver(signedCallback({ task_id: 'a', vendor: 'hw' }))
    await holds('GET /v1/quarantine', '200', await get('/v1/quarantine'))
    await holds('GET /v1/quarantine', '400 invalid_request', await get('/v1/quarantine?reason=x'))
    const { items } = await (await get('/v1/quarantine')).json<{ items: { id: string; reason: string }[] }>()
    const at = (reason: string) => `/v1/quarantine/${items.find((item) => item.reason === reason)!.id}`
    const one = 'GET /v1/quarantine/{id}'
    await holds(one, '200 conflict', await get(at('conflict')))
    await holds(one, '200 signature_reused', await get(at('signature_reused')))
    await holds(one, '404 not_found', await get('/v1/quarantine/none'))
    const retry = 'POST /v1/quarantine/{id}/retry'
    await holds(retry, '202 conflict', await post(`${at('conflict')}/retry`))
    await holds(retry, '409 signature_reused', await post(`${at('signature_reused')}/retry`))
    await holds(retry, '200 stored', await post(`${at('conflict')}/retry?replace=true`))
    await holds(retry, '404 not_found', await post(`${at('conflict')}/retry`))
    for (let n = 0; n < 2; n += 1) {
      await holds('DELETE /v1/quarantine/{id}', '204', await del(at('signature_reused')))
    }
    await holds('DELETE /v1/quarantine', '200', await del('/v1/quarantine?reason=conflict'))
    await holds('DELETE /v1/quarantine', '400 invalid_request', await del('/v1/quarantine'))
  })

  it('by status and health', async () => {
    vi.useFakeTimers({ now: Date.now() + 3_600_000, toFake: ['Date'] }) // what came last is noted once a minute
    await deliver(signedCallback({ task_id: 'a' }))
    vi.setSystemTime(Date.now() + 1)
    await deliver(signedCallback({}, 'wrong'))
    await holds('GET /v1/status', '200 degraded', await get('/v1/status'))
    await holds('GET /v1/status', '400 invalid_request', await get('/v1/status?x'))
    await holds('GET /healthz', '200 degraded', await request('https://receiver.test/healthz'))
    vi.setSystemTime(Date.now() + 60_000)
    const broken = await request('https://receiver.test/healthz', {}, { RETENTION_DAYS: 'x' })
    await holds('GET /healthz', '503 unhealthy', broken)
  })

  it('by the routes that need ZEGO_SERVER_SECRET, while it is not set', async () => {
    const init = { method: 'POST', body: '{}' }
    const gist = '503 not_configured'
    await holds('POST /v1/snapshots', gist, await api('/v1/snapshots', init))
    await holds('PUT /v1/snapshots/{task_id}', gist, await api('/v1/snapshots/a', { ...init, method: 'PUT' }))
    const confirmation = await get('/v1/snapshots/a/confirmation')
    await holds('GET /v1/snapshots/{task_id}/confirmation', gist, confirmation)
  })

  it('by the routes that need ZEGO_SERVER_SECRET, while it is set', async () => {
    const on = { ZEGO_SERVER_SECRET: '{"12345":"server-secret-of-32-characters!!"}' }
    const start = { Vendor: 'Tencent', FileId: '1', Type: 'SampleSnapshot', Definition: 10 }
    const fetch = vi.spyOn(globalThis, 'fetch')
    const ask = (body: unknown) => api('/v1/snapshots', { method: 'POST', body: JSON.stringify(body) }, on)
    for (const [gist, answer] of [
      ['201 pending', Response.json({ Code: 0, Data: { Tencent: { TaskId: 'task' } } })],
      ['502 zego_error', Response.json({ Code: 2, Message: 'no' })],
      ['429 too_frequent', Response.json({ Code: 6, Message: 'too frequent' })],
      ['504 zego_unknown', new Response('?')],
    ] as const) {
      fetch.mockResolvedValueOnce(answer)
      await holds('POST /v1/snapshots', gist, await ask(start))
    }
    await holds('POST /v1/snapshots', '400 invalid_request', await ask({}))
    await holds('POST /v1/snapshots', '413 body_too_large', await ask('x'.repeat(70_000)))
    const put = { method: 'PUT', body: JSON.stringify({ vendor: 'hw' }) }
    const register = 'PUT /v1/snapshots/{task_id}'
    await holds(register, '201 pending', await api('/v1/snapshots/new', put, on))
    await holds(register, '200 pending', await api('/v1/snapshots/new', put, on))
    await holds(register, '400 invalid_request', await api('/v1/snapshots/a%00b', put, on))
    const confirmation = await get('/v1/snapshots/none/confirmation', on)
    await holds('GET /v1/snapshots/{task_id}/confirmation', '404 not_found', confirmation)
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
