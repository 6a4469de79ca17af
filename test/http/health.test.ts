import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver, request, rows } from '../worker.ts'

/** The verdict is kept for 10 s: each test looks at another time. */
let clock = Date.now()
beforeEach(() => {
  clock += 2 * 86_400_000
  vi.useFakeTimers({ now: clock, toFake: ['Date'] })
})

async function health(settings = {}): Promise<[number, unknown]> {
  const answer = await request('https://receiver.test/healthz', {}, settings)
  return [answer.status, await answer.json()]
}

const wait = (minutes: number) => vi.setSystemTime(clock + minutes * 60_000)

describe('GET /healthz', () => {
  it('does not mind that no API token is set: results can be read from KV', async () => {
    expect(await health({ API_TOKEN: undefined })).toEqual([200, { status: 'ok' }])
  })

  it.each([
    { ZEGO_CALLBACK_SECRET: undefined },
    { API_TOKEN: '[' },
    { CALLBACK_PATH_TOKEN: '' },
    { SIGNATURE_TOLERANCE_SECONDS: 'x' },
    { RETENTION_DAYS: '-1' },
    { ZEGO_SERVER_SECRET: '{' },
  ])('wants someone to look at a setting: %j', async (settings) => {
    expect(await health(settings)).toEqual([503, { status: 'unhealthy', parts: ['settings'] }])
  })

  it('wants someone to look when an event has waited over 15 minutes', async () => {
    vi.spyOn(env.EVENTS, 'send').mockRejectedValue(new Error('Queue is overloaded'))
    await deliver(signedCallback())
    wait(14)
    expect(await health()).toEqual([200, { status: 'ok' }])
    wait(16)
    expect(await health()).toEqual([503, { status: 'unhealthy', parts: ['publishing'] }])
  })

  it('finds the oldest event among the first hundred that are due', async () => {
    await deliver(signedCallback())
    const insert = `INSERT INTO snapshots (place, task_id, status, record, event_due, unpublished_since)`
    await env.DB.batch([
      env.DB.prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
        ${insert} SELECT i, 't' || i, 'completed', '{}', ?1 + i, ?1 FROM n`,
      ).bind(clock),
      env.DB.prepare(`${insert} VALUES (500, 'oldest', 'completed', '{}', ?1 + 3600000, ?1 - 3600000)`).bind(clock),
    ])
    expect(await health()).toEqual([503, { status: 'unhealthy', parts: ['publishing'] }])
  })

  describe('while callbacks are refused', () => {
    const refused = { status: 'degraded', parts: ['callbacks'] }
    const note = (code: string, minutes: number) =>
      env.DB.prepare('INSERT INTO state VALUES (?1, ?2, ?3)')
        .bind(`refusal:${code}`, '', clock + minutes * 60_000)
        .run()

    const NEWS = ['bad_signature', 'not_configured', 'wrong_path', 'unknown_app', 'invalid_timestamp', 'stale']
    const NO_NEWS = ['undecodable', 'signature_reused', 'body_too_large', 'a_later_version_s']

    it.each([
      ...NEWS.map((code) => ['is degraded', code, refused] as const),
      ...NO_NEWS.map((code) => ['does not mind', code, { status: 'ok' }] as const),
    ])('%s: %s', async (_what, code, verdict) => {
      await deliver(signedCallback())
      await note(code, 1)
      wait(2)
      expect(await health()).toEqual([200, verdict])
    })

    it('is well again once one is accepted that is no snapshot, within the same minute', async () => {
      await deliver(signedCallback({ event: 'compose' }))
      vi.setSystemTime(clock + 1000)
      await deliver(signedCallback({}, 'wrong'))
      vi.setSystemTime(clock + 2000)
      await deliver(signedCallback({ event: 'compose' }))
      expect(await health()).toEqual([200, { status: 'ok' }])
    })

    it('is well again after 24 hours', async () => {
      await deliver(signedCallback())
      await note('stale', 1)
      wait(24 * 60)
      expect(await health()).toEqual([200, refused])
      wait(24 * 60 + 1)
      expect(await health()).toEqual([200, { status: 'ok' }])
    })
  })

  it('keeps its verdict for 10 s, and leaves KV alone', async () => {
    await deliver(signedCallback())
    await health()
    const prepare = vi.spyOn(env.DB, 'prepare')
    const kv = (['get', 'list', 'put'] as const).map((method) => vi.spyOn(env.RESULTS, method))
    vi.setSystemTime(clock + 9_999)
    await health()
    expect(prepare).not.toHaveBeenCalled()
    vi.setSystemTime(clock + 10_000)
    await health()
    expect(prepare).toHaveBeenCalled()
    for (const method of kv) expect(method).not.toHaveBeenCalled()
    expect(await rows('SELECT count(*) AS stored FROM snapshots')).toEqual([{ stored: 1 }])
  })

  it('answers while D1 hangs', async () => {
    await deliver(signedCallback())
    vi.spyOn(env.DB, 'batch').mockReturnValue(new Promise<never>(() => {}))
    expect(await health()).toEqual([503, { status: 'unhealthy', parts: ['d1'] }])
  })
})
