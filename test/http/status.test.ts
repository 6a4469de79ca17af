import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver, request, rows, storedAt } from '../worker.ts'
import { get, said } from './api.ts'
import { keep } from './entries.ts'

/** What was noted is noted again after a minute: each test has a time of its own. */
let clock = Date.now()
beforeEach(() => {
  clock += 3_600_000
  vi.useFakeTimers({ now: clock, toFake: ['Date'] })
})

const timeAt = (ms: number) => new Date(clock + ms).toISOString()

async function status(settings = {}): Promise<Record<string, unknown>> {
  const [code, body] = await said(get('/v1/status', settings))
  expect(code).toBe(200)
  return body as Record<string, unknown>
}

describe('GET /v1/status', () => {
  it('counts what is not published, and tells since when the oldest has waited', async () => {
    vi.spyOn(env.EVENTS, 'send').mockRejectedValueOnce(new Error('down'))
    await deliver(signedCallback({ task_id: 'a' }))
    vi.setSystemTime(clock + 5000)
    vi.spyOn(env.RESULTS, 'put').mockRejectedValueOnce(new Error('down'))
    await deliver(signedCallback({ task_id: 'b' }))
    vi.setSystemTime(clock + 20 * 60_000)
    expect(await status()).toMatchObject({ status: 'unhealthy', parts: ['publishing', 'kv'], since: timeAt(0) })
    expect((await status()).unpublished).toEqual({
      count: 2,
      exact: true,
      oldest_at: timeAt(0),
      without_event: { count: 1, exact: true, oldest_at: timeAt(0) },
      without_kv_only: { count: 1, exact: true, oldest_at: timeAt(5000) },
    })
  })

  it('counts the quarantine by reason, exactly up to 1,000, and tells since when a reason is full', async () => {
    await deliver(signedCallback({ task_id: '' }))
    for (const [reason, count] of [
      ['stale', 999],
      ['conflict', 1001],
      ['bad_signature', 1000],
    ] as const) {
      await keep(reason, count, `${clock}`)
    }
    expect((await status()).quarantined).toMatchObject({
      invalid_snapshot: { count: 1, exact: true },
      stale: { count: 999, exact: true },
      bad_signature: { count: 1000, exact: true, full_since: timeAt(0) },
      conflict: { count: 1000, exact: false },
    })
    expect((await status()).quarantined).not.toHaveProperty('conflict.full_since')
  })

  it('counts what KV refused for good', async () => {
    await deliver(signedCallback())
    await env.DB.prepare(`UPDATE snapshots SET kv_refused = 'KV PUT failed: 413 Value too large'`).run()
    expect(await status()).toMatchObject({
      status: 'degraded',
      parts: ['kv'],
      refused_by_kv: { count: 1, exact: true },
    })
  })

  it('tells what waits in ASIDE', async () => {
    await status()
    await env.DB.prepare(`INSERT INTO state VALUES ('aside', '{"waiting":3,"poison":1}', 0)`).run()
    expect(await status()).toMatchObject({ status: 'degraded', parts: ['aside'], aside: { waiting: 3, poison: 1 } })
  })

  it('tells of the last callback, and whether it came with a path token', async () => {
    await deliver(signedCallback({ task_id: 'a' }))
    expect((await status()).last_callback).toEqual({ received_at: timeAt(0), with_path_token: false })
    vi.setSystemTime(clock + 1000)
    const body = JSON.stringify(signedCallback({ task_id: 'b' }))
    await request('https://receiver.test/zego/callback/token', { method: 'POST', body })
    expect((await status()).last_callback).toEqual({ received_at: timeAt(1000), with_path_token: true })
  })

  it('knows the last callback by its row where it was not noted, behind nine newer results of the query API', async () => {
    await deliver(signedCallback({ task_id: 'a' }))
    await storedAt(clock, 'a')
    await env.DB.batch([
      env.DB.prepare('DELETE FROM state'),
      env.DB.prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9)
        INSERT INTO snapshots (place, task_id, status, content, via, record)
        SELECT (?1 + i) * 1000, 'q' || i, 'completed', 'c' || i, 'query', '{}' FROM n`,
      ).bind(clock),
    ])
    expect((await status()).last_callback).toEqual({ received_at: timeAt(0), with_path_token: null })
  })

  it('tells when a callback was last refused, by code, a wrong path too', async () => {
    await deliver(signedCallback({}, 'wrong'))
    vi.setSystemTime(clock + 1000)
    await deliver('{')
    const body = JSON.stringify(signedCallback())
    await request('https://receiver.test/zego/callback/x', { method: 'POST', body }, { CALLBACK_PATH_TOKEN: 'token' })
    expect((await status()).last_refusals).toEqual({
      bad_signature: timeAt(0),
      undecodable: timeAt(1000),
      wrong_path: timeAt(1000),
    })
  })

  it('costs no write for each callback: the same news is written once a minute', async () => {
    const noted = async () => rows(`SELECT changed_at FROM state WHERE name = 'refusal:bad_signature'`)
    await deliver(signedCallback({}, 'wrong'))
    vi.setSystemTime(clock + 59_999)
    await deliver(signedCallback({}, 'wrong'))
    expect(await noted()).toEqual([{ changed_at: clock }])
    vi.setSystemTime(clock + 60_000)
    await deliver(signedCallback({}, 'wrong'))
    expect(await noted()).toEqual([{ changed_at: clock + 60_000 }])
  })
})
