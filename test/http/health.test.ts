import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver, request, rows } from '../worker.ts'

/** The verdict is kept for 10 s: each test looks at another time. */
let clock = Date.now()
beforeEach(() => {
  clock += 60_000
  vi.useFakeTimers({ now: clock, toFake: ['Date'] })
})

async function health(settings = {}): Promise<[number, unknown]> {
  const answer = await request('https://receiver.test/healthz', {}, settings)
  return [answer.status, await answer.json()]
}

const wait = (minutes: number) => vi.setSystemTime(clock + minutes * 60_000)

describe('GET /healthz', () => {
  it('is ok while nothing waits', async () => {
    await deliver(signedCallback())
    expect(await health()).toEqual([200, { status: 'ok' }])
  })

  it('does not mind that no API token is set: results can be read from KV', async () => {
    expect(await health({ API_TOKEN: undefined })).toEqual([200, { status: 'ok' }])
  })

  it.each([
    { ZEGO_CALLBACK_SECRET: undefined },
    { API_TOKEN: '[' },
    { CALLBACK_PATH_TOKEN: '' },
    { SIGNATURE_TOLERANCE_SECONDS: 'x' },
    { RETENTION_DAYS: '-1' },
  ])('wants someone to look at a setting: %j', async (settings) => {
    expect(await health(settings)).toEqual([503, { status: 'unhealthy', parts: ['settings'] }])
  })

  it('wants someone to look at a D1 that does not answer', async () => {
    vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw new Error('D1_ERROR: down')
    })
    expect(await health()).toEqual([503, { status: 'unhealthy', parts: ['d1'] }])
  })

  it('wants someone to look when an event has waited over 15 minutes', async () => {
    vi.spyOn(env.EVENTS, 'send').mockRejectedValue(new Error('Queue is overloaded'))
    await deliver(signedCallback())
    wait(14)
    expect(await health()).toEqual([200, { status: 'ok' }])
    wait(16)
    expect(await health()).toEqual([503, { status: 'unhealthy', parts: ['publishing'] }])
  })

  it('is degraded while KV is late, which mends itself', async () => {
    vi.spyOn(env.RESULTS, 'put').mockRejectedValue(new Error('KV PUT failed: 429 Too Many Requests'))
    await deliver(signedCallback())
    wait(16)
    expect(await health()).toEqual([200, { status: 'degraded', parts: ['kv'] }])
  })

  it('is degraded while callbacks wait in ASIDE', async () => {
    await deliver(signedCallback())
    await env.DB.prepare(`INSERT INTO state VALUES ('aside', '{"waiting":1,"parked":0}', 0)`).run()
    expect(await health()).toEqual([200, { status: 'degraded', parts: ['aside'] }])
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
})
