/** What holds for every route alike: who is let in, what each parameter may be, and what a failing D1 is answered with. */
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { request } from '../worker.ts'
import { api, get, said } from './api.ts'
import { document } from './document.ts'

const HOST = 'https://receiver.test'

/** With what ZEGOCLOUD's part of the API needs. */
const ON = { ZEGO_SERVER_SECRET: '{"12345":"server-secret-of-32-characters!!"}' }

/** What a request needs to be a good one. */
const NEEDS: Record<string, { query?: string; body?: object }> = {
  'POST /v1/snapshots': { body: { Vendor: 'Tencent', FileId: '1', Type: 'SampleSnapshot', Definition: 10 } },
  'PUT /v1/snapshots/{task_id}': { body: { vendor: 'hw' } },
  'POST /v1/republish': { query: '?since=2026-01-01&until=2026-01-02' },
  'DELETE /v1/quarantine': { query: '?reason=stale' },
}

const paths = Object.keys(document.paths).filter((path) => !path.startsWith('/zego/'))
const methodsOf = (path: string) => Object.keys(document.paths[path]!).map((method) => method.toUpperCase())
const at = (path: string) => path.replaceAll(/\{\w+\}/g, 'x')

/** Every route under /v1: openapi.test.ts holds that the document has all of them, and no other. */
const routes = paths
  .filter((path) => path.startsWith('/v1/'))
  .flatMap((path) => methodsOf(path).map((method) => [method, path] as const))

function ask(method: string, path: string, headers: Record<string, string>, settings = {}) {
  const { query = '', body } = NEEDS[`${method} ${path}`] ?? {}
  const init = { method, headers, ...(body && { body: JSON.stringify(body) }) }
  return request(`${HOST}${at(path)}${query}`, init, { ...ON, ...settings })
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe.each(routes)('%s %s', (method, path) => {
  it('asks for the token', async () => {
    const answer = await ask(method, path, {})
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Bearer')])
  })

  it('is open to READ_TOKEN where it only reads', async () => {
    const [status, body] = await said(ask(method, path, bearer('reader'), { READ_TOKEN: 'reader' }))
    if (method === 'GET') expect(status).toBeOneOf([200, 404])
    else expect([status, body]).toMatchObject([403, { code: 'forbidden' }])
  })

  it('says so when D1 does not answer', async () => {
    vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw new Error('D1_ERROR: down')
    })
    const answer = await ask(method, path, bearer('test-token'))
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2'])
    expect(await answer.json()).toMatchObject({ code: 'storage_unavailable' })
  })
})

describe('another method on a known path', () => {
  it.each(paths)('is told which ones there are: %s', async (path) => {
    const methods = methodsOf(path)
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].filter((one) => !methods.includes(one))) {
      const answer = await api(at(path), { method })
      const allowed = answer.headers.get('allow')?.split(', ') ?? []
      expect([answer.status, await answer.json()]).toMatchObject([405, { code: 'method_not_allowed', status: 405 }])
      expect(allowed.toSorted()).toEqual([...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].toSorted())
    }
  })

  it('is told nothing without the token', async () => {
    expect((await request(`${HOST}/v1/status`, { method: 'POST' })).status).toBe(401)
  })

  it('may be HEAD wherever GET is', async () => {
    const answer = await api('/v1/status', { method: 'HEAD' })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
  })
})

const TIME = 'must be an ISO 8601 time with its offset, such as 2026-01-31T08:00:00Z, or a date.'

describe('a parameter that is wrong', () => {
  const range = '/v1/republish?until=2026-06-02'
  it.each([
    ...['limit=0', 'limit=101', 'limit=-1', 'limit=1e1', 'limit=', 'limit=2&limit=2'].map((q) => `/v1/snapshots?${q}`),
    ...['status=done', 'status=', 'status=pending&status=failed', 'order=up'].map((q) => `/v1/snapshots?${q}`),
    ...['since=yesterday', 'since=2026-02-30T00:00:00Z', 'since=2026-01-01T00:00:00'].map((q) => `/v1/snapshots?${q}`),
    ...['until=1700000000', 'page=2', '__proto__=1', 'toString=1'].map((q) => `/v1/snapshots?${q}`),
    ...['cursor=nowhere', 'cursor=q1-1', 'cursor=', 'cursor=f1'].map((q) => `/v1/snapshots?${q}`),
    ...['cursor=s1&order=oldest', 'cursor=f1-&order=oldest'].map((q) => `/v1/snapshots?${q}`),
    ...['26', '-1', '', 'soon', '1.5', '1&wait=2'].map((wait) => `/v1/snapshots/x?wait=${wait}`),
    ...['reason=other', 'reason=stale&reason=stale', 'status=pending', 'cursor=s1'].map((q) => `/v1/quarantine?${q}`),
    'POST /v1/snapshots/x/republish?force=1',
    'DELETE /v1/snapshots/x?force=1',
    ...['since=&until=2026-06-01', 'since=yesterday&until=2026-06-02'].map((q) => `POST /v1/republish?${q}`),
    `POST ${range.replace('until', 'status=failed&since=2026-06-01&until')}`,
    ...['replace=yes', 'replace=', 'replace=true&replace=true', 'force=1'].map(
      (q) => `POST /v1/quarantine/x/retry?${q}`,
    ),
    ...['reason=all', 'before=now&reason=stale', 'task_id=x&reason=stale'].map((q) => `DELETE /v1/quarantine?${q}`),
    '/v1/status?x',
  ])('is named: %s', async (line) => {
    const [path, method = 'GET'] = line.split(' ').toReversed()
    const [parameter] = /(?<=\?)\w+/.exec(line)!
    expect(await said(api(path!, { method }))).toMatchObject([400, { code: 'invalid_request', parameter }])
  })

  it.each([
    ['/v1/snapshots?limit=0', 'limit must be a whole number from 1 to 100.'],
    ['/v1/snapshots?limit=1&limit=1', 'limit must be given only once.'],
    ['/v1/snapshots?status=done', 'status must be pending, completed, or failed.'],
    ['/v1/snapshots?since=x', `since ${TIME}`],
    ['/v1/snapshots?cursor=x', 'cursor must be the next_cursor of a page of this list.'],
    ['/v1/snapshots/a?for=1', '"for" is not allowed: the request takes wait.'],
    ['/v1/status?x', '"x" is not allowed: the request takes no parameters.'],
    ['POST /v1/republish?since=2026-06-01', `until ${TIME}`],
    [`POST ${range}`, `since ${TIME}`],
    ['DELETE /v1/quarantine?before=2026-06-01', expect.stringContaining('reason must be ')],
  ])('or missing is told by its rule: %s', async (line, detail) => {
    const [path, method = 'GET'] = line.split(' ').toReversed()
    expect(await said(api(path!, { method }))).toMatchObject([400, { detail }])
  })
})

describe('what goes wrong is a problem', () => {
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
    for (const path of ['/v1/nothing', '/v1/snapshots/a/b/c', '/v2', '/zego/other', '/zego/callbacks', '/healthx']) {
      const detail = expect.stringContaining('GET /openapi.json')
      expect(await said(get(path))).toMatchObject([404, { code: 'not_found', detail }])
    }
  })

  it('that no cache may keep: a task may be known a moment later', async () => {
    const answer = await get('/v1/snapshots/unknown')
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([404, 'no-store'])
  })
})
