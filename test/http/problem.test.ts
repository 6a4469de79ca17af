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
    await get('/v1/snapshots')
    const line = vi.spyOn(console, 'error')
    vi.spyOn(env.DB, 'prepare').mockImplementationOnce(() => {
      throw new TypeError('x is not a function')
    })
    const [status, body] = await said(get('/v1/snapshots'))
    expect([status, body]).toMatchObject([500, { code: 'internal_error' }])
    expect(JSON.stringify(body)).not.toContain('x is not')
    expect(line.mock.calls.join()).toContain('x is not')
  })

  it('where D1 refuses what it was asked for, which no repetition helps', async () => {
    await get('/v1/snapshots')
    vi.spyOn(env.DB, 'prepare').mockImplementationOnce(() => {
      throw new Error('D1_ERROR: too many SQL variables at offset 317: SQLITE_ERROR')
    })
    expect(await said(get('/v1/snapshots'))).toMatchObject([500, { code: 'internal_error' }])
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
    ['PATCH', '/v1/quarantine', 'HEAD, GET, DELETE'],
    ['GET', '/v1/republish', 'POST'],
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

describe('a parameter that is wrong', () => {
  it.each([
    ['/v1/snapshots?limit=0', 'limit must be a whole number from 1 to 100.'],
    ['/v1/snapshots?limit=', 'limit must be a whole number from 1 to 100.'],
    ['/v1/snapshots?limit=1&limit=1', 'limit must be given only once.'],
    ['/v1/snapshots?status=done', 'status must be pending, completed, or failed.'],
    [
      '/v1/snapshots?since=2026-01-01T00:00:00',
      'since must be an ISO 8601 time with its offset, such as 2026-01-31T08:00:00Z, or a date.',
    ],
    ['/v1/snapshots?cursor=x', 'cursor must be the next_cursor of a page of this list.'],
    ['/v1/snapshots/a?wait=26', 'wait must be a whole number from 0 to 25.'],
    ['/v1/snapshots/a?for=1', '"for" is not allowed: the request takes wait.'],
    ['/v1/status?x', '"x" is not allowed: the request takes no parameters.'],
  ])('is told by its rule: %s', async (path, detail) => {
    const [parameter] = /(?<=\?)\w+/.exec(path)!
    expect(await said(get(path))).toMatchObject([400, { code: 'invalid_request', parameter, detail }])
  })
})
