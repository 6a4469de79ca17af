import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver, events, read, recordInKv, rows } from '../worker.ts'
import { api, del, get, post, said } from './api.ts'

async function pending(task_id: string) {
  const record = { task_id, status: 'pending', appid: '12345', vendor: 'hw', registered_at: '2026-01-01T00:00:00.000Z' }
  await read('anything') // makes the schema
  await env.DB.prepare(`INSERT INTO snapshots (place, task_id, status, record) VALUES (1, ?, 'pending', ?)`)
    .bind(task_id, JSON.stringify(record))
    .run()
  return record
}

describe('waiting for a record', () => {
  it('is answered once the callback has come, for a task that is not known yet and for a pending one', async () => {
    await pending('started')
    const waiting = ['awaited', 'started'].map((task_id) => said(get(`/v1/snapshots/${task_id}?wait=25`)))
    await scheduler.wait(50)
    for (const task_id of ['awaited', 'started']) await deliver(signedCallback({ task_id }))
    for (const answer of await Promise.all(waiting)) expect(answer).toMatchObject([200, { status: 'completed' }])
  })

  it('ends with what there is', async () => {
    const record = await pending('slow')
    expect(await said(get('/v1/snapshots/slow?wait=1'))).toEqual([200, record])
    expect(await said(get('/v1/snapshots/unknown?wait=1'))).toMatchObject([404, { code: 'not_found' }])
  })

  it('looks at D1 fewer times than the free plan allows', async () => {
    await deliver(signedCallback())
    const prepare = vi.spyOn(env.DB, 'prepare')
    let now = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => now)
    vi.spyOn(scheduler, 'wait').mockImplementation(async (ms) => {
      expect(ms).toBeLessThan(1000)
      now += ms
    })
    await get('/v1/snapshots/unknown?wait=25')
    expect(prepare.mock.calls.length).toBeLessThan(35)
  })

  it('goes on while D1 fails for a moment', async () => {
    await read('anything')
    const prepare = vi.spyOn(env.DB, 'prepare').mockImplementationOnce(() => {
      throw new Error('D1_ERROR: down')
    })
    const waiting = get('/v1/snapshots/later?wait=25')
    await scheduler.wait(50)
    prepare.mockRestore()
    await deliver(signedCallback({ task_id: 'later' }))
    expect((await waiting).status).toBe(200)
  })
})

describe('the entity tag', () => {
  it('saves who has the record already from reading it again', async () => {
    await deliver(signedCallback({ task_id: 'tagged' }))
    const first = await get('/v1/snapshots/tagged')
    const etag = first.headers.get('etag')!
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/)
    for (const named of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await api('/v1/snapshots/tagged', { headers: { 'if-none-match': named } })
      expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, ''])
    }
    for (const named of ['"other"', etag.slice(1, -1), 'W/"other"']) {
      expect((await api('/v1/snapshots/tagged', { headers: { 'if-none-match': named } })).status).toBe(200)
    }
  })

  it('is the same when KV answers in place of D1', async () => {
    await deliver(signedCallback({ task_id: 'tagged' }))
    const etag = (await get('/v1/snapshots/tagged')).headers.get('etag')
    vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw new Error('D1_ERROR: down')
    })
    expect((await get('/v1/snapshots/tagged')).headers.get('etag')).toBe(etag)
  })

  it('lets no shared cache keep a record', async () => {
    await deliver(signedCallback({ task_id: 'private' }))
    expect((await read('private')).headers.get('cache-control')).toContain('private')
  })
})

describe('POST /v1/snapshots/{task_id}/republish', () => {
  it('writes KV and sends the event again, with the same id', async () => {
    await deliver(signedCallback({ task_id: 'again/1' }))
    await events('again/1')
    await env.RESULTS.delete('again/1')
    expect(await said(post('/v1/snapshots/again%2F1/republish'))).toEqual([
      202,
      { status: 'accepted', task_id: 'again/1' },
    ])
    expect(await recordInKv('again/1')).toMatchObject({ task_id: 'again/1' })
    const [first, second] = await events('again/1', 2)
    expect(second).toEqual(first)
    expect(await rows('SELECT publish_at FROM snapshots')).toEqual([{ publish_at: null }])
  })

  it('tries KV once more after KV refused it for good', async () => {
    const put = vi.spyOn(env.RESULTS, 'put').mockRejectedValue(new Error('KV PUT failed: 413 Value too large'))
    await deliver(signedCallback({ task_id: 'refused' }))
    put.mockRestore()
    await post('/v1/snapshots/refused/republish')
    expect(await recordInKv('refused')).toMatchObject({ task_id: 'refused' })
    expect(await rows('SELECT kv_refused FROM snapshots')).toEqual([{ kv_refused: null }])
  })
})

describe('DELETE /v1/snapshots/{task_id}', () => {
  it('takes the record out of D1 and KV', async () => {
    await deliver(signedCallback({ task_id: 'a/b' }))
    expect(await said(del('/v1/snapshots/a%2Fb'))).toEqual([204, null])
    expect((await read('a/b')).status).toBe(404)
    expect(await recordInKv('a/b')).toBeNull()
    expect(await said(del(`/v1/snapshots/${'x'.repeat(600)}`))).toEqual([204, null])
  })

  it('leaves the signatures in the ledger: a swapped body is found all the same', async () => {
    const callback = signedCallback({ task_id: 'gone' })
    await deliver(callback)
    await del('/v1/snapshots/gone')
    expect((await deliver({ ...callback, vendor: 'hw' })).status).toBe(409)
    expect(await rows('SELECT count(*) AS n FROM ledger')).toEqual([{ n: 1 }])
  })
})
