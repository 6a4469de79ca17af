import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { sweep } from '../../src/publish/publish.ts'
import { cron, deliver, events, recordInKv, request, rows, storedAt } from '../worker.ts'
import { post, said } from './api.ts'

const START = Date.UTC(2026, 5, 1)
const at = (second: number) => new Date(START + second * 1000).toISOString()
const republish = (since: string, until: string) => said(post(`/v1/republish?since=${since}&until=${until}`))

async function deliverAt(second: number, task_id: string) {
  vi.useFakeTimers({ now: START + second * 1000, toFake: ['Date'] })
  await deliver(signedCallback({ task_id }))
  await storedAt(START + second * 1000, task_id)
}

/** Finished tasks, a second apart, as if published. */
async function stored(count: number) {
  await deliverAt(-1, 'makes the schema')
  const insert = `
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1)
    INSERT INTO snapshots (place, task_id, status, content, via, record)
    SELECT (?2 + i * 1000) * 1000, 't' || i, 'completed', 'c' || i, 'callback',
      json_object('task_id', 't' || i, 'status', 'completed', 'appid', '1', 'vendor', 'hw', 'snapshot_pic_list',
        json('[]'), 'via', 'callback', 'received_at', '2026-06-01T00:00:00.000Z') FROM n`
  await env.DB.prepare(insert).bind(count, START).run()
}

const waiting = () => rows<{ task_id: string }>('SELECT task_id FROM snapshots WHERE publish_at IS NOT NULL')

describe('POST /v1/republish', () => {
  it('writes KV and sends the event again for what was stored in the range, since inclusive, until exclusive', async () => {
    for (const n of [1, 2, 3]) {
      await deliverAt(n, `range${n}`)
      await events(`range${n}`)
      await env.RESULTS.delete(`range${n}`)
    }
    const cost = { seconds: 0, kv_writes: 1 }
    expect(await republish(at(2), at(3))).toEqual([202, { republished: 1, next_since: null, ...cost }])
    expect(await waiting()).toEqual([{ task_id: 'range2' }])
    await cron()
    const [first, second] = await events('range2', 2)
    expect(second).toEqual(first)
    expect(await Promise.all([1, 2, 3].map(async (n) => (await recordInKv(`range${n}`)) !== null))).toEqual([
      false,
      true,
      false,
    ])
  })

  it('takes a thousand a call, says where the next call goes on, how long it takes and how many writes of KV', async () => {
    await stored(1_005)
    const asked = Date.now()
    const first = { republished: 1_000, next_since: at(1_000), seconds: 250, kv_writes: 1_000 }
    expect(await republish(at(0), at(5_000))).toEqual([202, first])
    const rest = { republished: 5, next_since: null, seconds: 251, kv_writes: 5 } // after what waits already
    expect(await republish(at(1_000), at(5_000))).toEqual([202, rest])
    expect(await waiting()).toHaveLength(1_005)
    const [last] = await rows<{ due: number }>('SELECT max(event_due) AS due FROM snapshots')
    expect(last!.due - asked).toBe(1_004 * 250)
  })

  it('puts off nothing that waits already, whenever its turn in the range is', async () => {
    await stored(10)
    await env.DB.prepare(`UPDATE snapshots SET kv_due = ?1, event_due = ?1 WHERE task_id = 't8'`).bind(START).run()
    await republish(at(0), at(5_000))
    const [row] = await rows(`SELECT kv_due, event_due FROM snapshots WHERE task_id = 't8'`)
    expect(row).toEqual({ kv_due: START, event_due: START })
  })

  it('is not "publishing is behind", however long it takes', async () => {
    await stored(1_000)
    await republish(at(0), at(5_000))
    vi.setSystemTime(Date.now() + 2 * 3_600_000)
    const health = await request('https://receiver.test/healthz')
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
  })

  it('holds up no result that waits by itself: that one is due between', async () => {
    await stored(1_000)
    await republish(at(0), at(5_000))
    const send = vi.spyOn(env.EVENTS, 'send').mockRejectedValueOnce(new Error('down'))
    await deliver(signedCallback({ task_id: 'new' }))
    vi.setSystemTime(Date.now() + 60_000)
    for (let slice = 0; slice < 25; slice += 1) await sweep(env, ['event'], Date.now())
    expect(send.mock.calls.map(([event]) => event.subject).lastIndexOf('new')).toBeGreaterThan(0)
    expect((await waiting()).length).toBeGreaterThan(700)
  })

  it('is behind since its first failure where the queue takes none of it', async () => {
    await stored(1)
    await republish(at(0), at(5_000))
    vi.spyOn(env.EVENTS, 'send').mockRejectedValue(new Error('down'))
    await cron()
    vi.setSystemTime(Date.now() + 16 * 60_000)
    const health = await request('https://receiver.test/healthz')
    expect([health.status, await health.json()]).toEqual([503, { status: 'unhealthy', parts: ['publishing'] }])
  })

  it('leaves what has waited for long as late as it is', async () => {
    await stored(2)
    await env.DB.prepare(`UPDATE snapshots SET event_due = 9e15, unpublished_since = 1 WHERE task_id = 't1'`).run()
    await republish(at(0), at(5))
    const since = await rows<{ since: number }>('SELECT unpublished_since AS since FROM snapshots ORDER BY place')
    expect(since.slice(1).map(({ since: ms }) => ms === 1)).toEqual([false, true])
  })

  it('passes over what has not finished', async () => {
    await stored(2)
    await env.DB.prepare(`UPDATE snapshots SET status = 'pending' WHERE task_id = 't1'`).run()
    expect(await republish(at(0), at(5))).toMatchObject([202, { republished: 1, next_since: null }])
  })
})
