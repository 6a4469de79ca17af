import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { cron, deliver, events, read, recordInKv, rows } from '../worker.ts'
import { del, get, post, said } from './api.ts'
import { at, keep, list, only } from './entries.ts'

const START = Date.UTC(2026, 5, 1)

const SECONDS = `${START} + i * 1000`
const ids = ({ items }: Awaited<ReturnType<typeof list>>) => items.map(({ id }) => id)

describe('GET /v1/quarantine', () => {
  it('lists what was kept, newest first, without the bodies', async () => {
    for (let n = 0; n < 5; n += 1) {
      vi.useFakeTimers({ now: START + Math.min(n, 3) * 1000, toFake: ['Date'] }) // the last two in the same millisecond
      await deliver(signedCallback({ event: 'compose', task_id: `t${n}` }))
    }
    const first = await list('?limit=1')
    await deliver(signedCallback({ event: 'compose', task_id: 'newer' }))
    const second = await list(`?limit=2&cursor=${first.next_cursor}`)
    const third = await list(`?limit=2&cursor=${second.next_cursor}`)
    const tasks = [first, second, third].map(({ items }) => items.map(({ task_id }) => task_id))
    expect(tasks).toEqual([['t4'], ['t3', 't2'], ['t1', 't0']])
    expect(third.next_cursor).toBeNull()
    expect(first.items[0]).toEqual({
      id: expect.stringMatching(/^unsupported_event:[0-9a-f]{64}$/),
      reason: 'unsupported_event',
      detail: expect.stringContaining('compose'),
      content_type: 'text/plain;charset=UTF-8',
      task_id: 't4',
      received_at: new Date(START + 3000).toISOString(),
    })
    const since = new Date(START + 1000).toISOString()
    const until = new Date(START + 3000).toISOString()
    const ranged = await list(`?since=${since}&until=${until}`)
    expect(ranged.items.map(({ task_id }) => task_id)).toEqual(['t2', 't1'])
  })
})

describe('what is kept', () => {
  it('is shown with its body as it was received, under its id percent-encoded or not', async () => {
    const body = JSON.stringify(signedCallback({ event: 'compose' }), null, 3)
    await deliver(body)
    const { id, ...rest } = await only()
    for (const path of [at(id), `/v1/quarantine/${id}`]) {
      expect(await said(get(path))).toEqual([200, { id, ...rest, body }])
    }
  })
})

describe('a retry', () => {
  const old = () => String(Math.floor(Date.now() / 1000) - 10_000)

  it('stores what was refused for its time, at its own time, and publishes it', async () => {
    const timestamp = old()
    await deliver(signedCallback({ task_id: 'stale', timestamp }))
    const { id, reason, received_at } = await only()
    expect(reason).toBe('stale')
    expect(await said(post(`${at(id)}/retry`))).toEqual([200, { status: 'stored', task_id: 'stale' }])
    expect((await list()).items).toEqual([])
    expect(await (await read('stale')).json()).toMatchObject({
      received_at,
      signed_at: new Date(Number(timestamp) * 1000).toISOString(),
    })
    expect(await events('stale')).toHaveLength(1)
    expect(await recordInKv('stale')).toMatchObject({ task_id: 'stale' })
  })

  it('passes the ledger: a signature that was used since is found', async () => {
    const callback = signedCallback({ task_id: 'stale', timestamp: old() })
    await deliver(callback)
    const { id } = await only()
    await deliver({ ...callback, task_id: 'other' }, { SIGNATURE_TOLERANCE_SECONDS: 0 })
    expect(await said(post(`${at(id)}/retry`))).toMatchObject([409, { code: 'signature_reused' }])
    expect((await read('stale')).status).toBe(404)
  })

  it('of what was stored meanwhile is a duplicate, and gone', async () => {
    const callback = signedCallback({ task_id: 'stale', timestamp: old() })
    await deliver(callback)
    await deliver(callback, { SIGNATURE_TOLERANCE_SECONDS: 0 })
    const { id } = await only()
    expect(await said(post(`${at(id)}/retry`))).toEqual([200, { status: 'duplicate', task_id: 'stale' }])
    expect((await list()).items).toEqual([])
  })

  it.each([
    ['another event', { event: 'compose' }, 'unsupported_event'],
    ['no usable snapshot', { task_id: '' }, 'invalid_snapshot'],
  ])('of %s is answered as before, and it stays', async (_title, fields, reason) => {
    await deliver(signedCallback(fields))
    const { id } = await only()
    for (const query of ['', '?replace=false', '?replace=true']) {
      expect(await said(post(`${at(id)}/retry${query}`))).toEqual([202, { status: 'quarantined', id, reason }])
    }
    await only()
  })

  it('of what an older version read as other content is stored, and keeps its signature', async () => {
    const callback = signedCallback({ event: 'compose', task_id: 'read again' })
    const older = 'o'.repeat(64)
    await deliver(callback)
    const { id } = await only()
    await env.DB.batch([
      env.DB.prepare('UPDATE quarantine SET id = reason || ?1').bind(`:${older}`),
      env.DB.prepare('UPDATE ledger SET content = ?1').bind(older),
    ])
    expect((await only()).id).not.toBe(id)
    expect((await post(`${at(`unsupported_event:${older}`)}/retry`)).status).toBe(202)
    expect((await only()).id).toBe(id)
    expect(await (await deliver(callback)).json()).toMatchObject({ status: 'quarantined', id })
  })

  it('of what no longer decodes is refused, and it stays', async () => {
    await deliver(signedCallback({ event: 'compose' }))
    await env.DB.prepare(`UPDATE quarantine SET body = '{'`).run()
    const { id } = await only()
    expect(await said(post(`${at(id)}/retry`))).toMatchObject([400, { code: 'undecodable' }])
    await only()
  })

  it('ends the same when a store failed half-way', async () => {
    await deliver(signedCallback({ task_id: 'stale', timestamp: old() }))
    const { id } = await only()
    vi.spyOn(env.DB, 'batch').mockRejectedValueOnce(new Error('D1_ERROR: D1 DB is overloaded'))
    expect((await post(`${at(id)}/retry`)).status).toBe(503)
    await only()
    expect((await post(`${at(id)}/retry`)).status).toBe(200)
  })
})

it('a replaced record keeps its 30 days, however old it is', async () => {
  const old = Date.now() - 40 * 86_400_000
  vi.useFakeTimers({ now: old, toFake: ['Date'] })
  await deliver(signedCallback({ task_id: 'old', vendor: 'tencent' }))
  vi.setSystemTime(old + 40 * 86_400_000)
  await deliver(signedCallback({ task_id: 'old', vendor: 'hw' }))
  const { id } = await only()
  await post(`${at(id)}/retry?replace=true`)
  await cron()
  expect((await only()).reason).toBe('replaced')
  vi.setSystemTime(old + 71 * 86_400_000)
  await cron()
  expect((await list()).items).toEqual([])
})

describe('a list of many', () => {
  it('filters by task_id, and by reason with it, on the next page too', async () => {
    await keep('stale', 5, SECONDS)
    await keep('conflict', 1, SECONDS)
    expect(ids(await list('?task_id=even')).toSorted()).toEqual(['conflict:0', 'stale:0', 'stale:2', 'stale:4'])
    const first = await list('?task_id=even&reason=stale&limit=2')
    expect(ids(first)).toEqual(['stale:4', 'stale:2'])
    const next = await list(`?task_id=even&reason=stale&limit=2&cursor=${first.next_cursor}`)
    expect(ids(next)).toEqual(['stale:0'])
  })
})

describe('DELETE /v1/quarantine', () => {
  const left = () => rows('SELECT reason, count FROM quarantine_counts WHERE count > 0')

  it('deletes all of a reason, a thousand a call, and says whether there are more', async () => {
    await keep('stale', 1_003, SECONDS)
    await keep('conflict', 1, SECONDS)
    expect(await said(del('/v1/quarantine?reason=stale'))).toEqual([200, { deleted: 1_000, more: true }])
    expect(await said(del('/v1/quarantine?reason=stale'))).toEqual([200, { deleted: 3, more: false }])
    expect(await said(del('/v1/quarantine?reason=stale'))).toEqual([200, { deleted: 0, more: false }])
    expect(await left()).toEqual([{ reason: 'conflict', count: 1 }])
  })

  it('spares what was received since `before`', async () => {
    await keep('stale', 3, SECONDS)
    const answer = await said(del(`/v1/quarantine?reason=stale&before=${new Date(START + 2000).toISOString()}`))
    expect(answer).toEqual([200, { deleted: 2, more: false }])
    expect(ids(await list())).toEqual(['stale:2'])
  })
})
