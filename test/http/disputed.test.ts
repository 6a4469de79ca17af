import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { type Fields, sign, signedCallback } from '../callbacks.ts'
import { cron, deliver, events, read, recordInKv, rows } from '../worker.ts'
import { get, post, said } from './api.ts'
import { at, only } from './entries.ts'

async function vendorOf(task_id: string) {
  return (await (await read(task_id)).json<{ vendor?: string }>()).vendor
}

describe('a conflict', () => {
  async function conflict(task_id: string) {
    await deliver(signedCallback({ task_id, vendor: 'tencent' }))
    await deliver(signedCallback({ task_id, vendor: 'hw' }))
    return only()
  }

  it('wins with replace: it is stored and published, and what it replaced is kept', async () => {
    const { id } = await conflict('replaced')
    const loser = await (await read('replaced')).text()
    expect(await said(post(`${at(id)}/retry?replace=true`))).toEqual([200, { status: 'stored', task_id: 'replaced' }])
    expect(await vendorOf('replaced')).toBe('hw')
    expect(await recordInKv('replaced')).toMatchObject({ vendor: 'hw' })
    const [first, second] = await events('replaced', 2)
    expect(first!.id).not.toBe(second!.id)

    const kept = await only()
    expect(kept).toMatchObject({ reason: 'replaced', task_id: 'replaced' })
    expect(await (await get(at(kept.id))).json()).toMatchObject({ body: loser })
    expect((await deliver(signedCallback({ task_id: 'replaced', vendor: 'hw' }))).status).toBe(200)
  })

  it('can be undone: what was replaced wins again', async () => {
    const { id } = await conflict('undone')
    const before = await (await read('undone')).text()
    await post(`${at(id)}/retry?replace=true`)
    const kept = await only()
    expect(await said(post(`${at(kept.id)}/retry`))).toEqual([
      202,
      { status: 'quarantined', id: kept.id, reason: 'replaced' },
    ])
    expect((await post(`${at(kept.id)}/retry?replace=true`)).status).toBe(200)
    expect(await (await read('undone')).text()).toBe(before)
    expect((await only()).reason).toBe('replaced')
  })

  it('ends the same when D1 took the replacement and then failed', async () => {
    const { id } = await conflict('twice')
    const batch = env.DB.batch.bind(env.DB)
    vi.spyOn(env.DB, 'batch').mockImplementationOnce(async (statements) => {
      await batch(statements)
      throw new Error('D1_ERROR: Network connection lost.')
    })
    expect(await said(post(`${at(id)}/retry?replace=true`))).toEqual([200, { status: 'stored', task_id: 'twice' }])
    expect(await vendorOf('twice')).toBe('hw')
    expect((await only()).reason).toBe('replaced')
  })

  it('replaces nothing by halves when D1 fails', async () => {
    const { id } = await conflict('whole')
    const ledger = await rows('SELECT * FROM ledger ORDER BY signature')
    vi.spyOn(env.DB, 'batch').mockRejectedValueOnce(new Error('D1_ERROR: D1 DB is overloaded'))
    expect((await post(`${at(id)}/retry?replace=true`)).status).toBe(503)
    expect(await vendorOf('whole')).toBe('tencent')
    expect((await only()).id).toBe(id)
    expect(await rows('SELECT * FROM ledger ORDER BY signature')).toEqual(ledger)
  })
})

describe('a reused signature', () => {
  /** A forged body that came first, and the genuine one that was refused. */
  async function forgedFirst(forged: Partial<Fields>) {
    const genuine = signedCallback({ task_id: 'genuine', vendor: 'tencent' })
    await deliver({ ...genuine, ...forged })
    expect((await deliver(genuine)).status).toBe(409)
    return only()
  }

  it('stays refused without replace, though the ledger has forgotten it', async () => {
    const { id } = await forgedFirst({ task_id: 'forged' })
    await env.DB.prepare('DELETE FROM ledger').run()
    await env.DB.prepare(`INSERT INTO state (name, value, changed_at) VALUES ('ledger_purged', '', 9e12)`).run()
    expect(await said(post(`${at(id)}/retry`))).toMatchObject([401, { code: 'stale' }])
    expect((await read('genuine')).status).toBe(404)
  })

  it('wins with replace over another task that came under it, which leaves D1, and KV two minutes later', async () => {
    const { id } = await forgedFirst({ task_id: 'forged' })
    expect(await said(post(`${at(id)}/retry?replace=true`))).toEqual([200, { status: 'stored', task_id: 'genuine' }])
    expect([(await read('genuine')).status, (await read('forged')).status]).toEqual([200, 404])
    expect(await recordInKv('forged')).not.toBeNull()
    vi.useFakeTimers({ now: Date.now() + 120_000, toFake: ['Date'] })
    await cron()
    expect(await recordInKv('forged')).toBeNull()
    expect(await only()).toMatchObject({ reason: 'replaced', task_id: 'forged' })
  })

  it('leaves a task alone whose content another signature brought', async () => {
    const timestamp = String(Math.floor(Date.now() / 1000))
    const shared = { timestamp, nonce: 'x', signature: sign('secret', timestamp, 'x') }
    await deliver(signedCallback({ task_id: 'honest' }))
    await scheduler.wait(2)
    await deliver({ ...signedCallback({ task_id: 'honest' }), ...shared }) // a duplicate
    await deliver({ ...signedCallback({ task_id: 'second' }), ...shared })
    const { id } = await only()
    await post(`${at(id)}/retry?replace=true`)
    expect([(await read('honest')).status, (await read('second')).status]).toEqual([200, 200])
  })
})
