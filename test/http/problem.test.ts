import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { request } from '../worker.ts'
import { api, get, said } from './api.ts'

const HOST = 'https://receiver.test'

describe('what goes wrong is a problem', () => {
  it('where a store fails', async () => {
    vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw new Error('D1_ERROR: down')
    })
    const answer = await get('/v1/snapshots')
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2'])
    expect(await answer.json()).toMatchObject({ code: 'storage_unavailable' })
  })

  it('where the fault is ours, and its words are for the log alone', async () => {
    const line = vi.spyOn(console, 'error')
    vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw new TypeError('x is not a function')
    })
    const [status, body] = await said(get('/v1/snapshots'))
    expect([status, body]).toMatchObject([500, { code: 'internal_error' }])
    expect(JSON.stringify(body)).not.toContain('x is not')
    expect(line.mock.calls.join()).toContain('x is not')
  })

  it('where the path is not known', async () => {
    for (const path of ['/v1/nothing', '/v1/snapshots/a/b/c', '/v2']) {
      expect(await said(get(path))).toMatchObject([404, { code: 'not_found' }])
    }
  })
})

describe('another method on a known path', () => {
  it.each([
    ['PUT', '/v1/snapshots', 'HEAD, GET, POST'],
    ['POST', '/v1/snapshots/a', 'HEAD, GET, PUT, DELETE'],
    ['GET', '/v1/snapshots/a/republish', 'POST'],
    ['POST', '/v1/snapshots/a/confirmation', 'HEAD, GET'],
    ['PATCH', '/v1/quarantine', 'HEAD, GET'],
    ['POST', '/v1/quarantine/a', 'HEAD, GET, DELETE'],
    ['GET', '/v1/quarantine/a/retry', 'POST'],
    ['DELETE', '/v1/status', 'HEAD, GET'],
    ['OPTIONS', '/v1/status', 'HEAD, GET'],
    ['POST', '/healthz', 'HEAD, GET'],
    ['POST', '/openapi.json', 'HEAD, GET'],
  ])('%s %s is told which ones there are', async (method, path, allow) => {
    const answer = await api(path, { method })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow])
    expect(await answer.json()).toMatchObject({ code: 'method_not_allowed', status: 405 })
  })

  it('is told nothing without the token', async () => {
    expect((await request(`${HOST}/v1/status`, { method: 'POST' })).status).toBe(401)
  })

  it('may be HEAD wherever GET is', async () => {
    const answer = await api('/v1/status', { method: 'HEAD' })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
  })
})
