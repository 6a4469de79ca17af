/** ALERT_URL is told what someone should look at. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { env } from 'cloudflare:workers'
import { signedCallback } from './callbacks.ts'
import { cron, deliver } from './worker.ts'
import { register } from './zego/zegocloud.ts'

type Alert = {
  text: string
  content: string
  status: string
  parts: string[]
  since: string | null
  url: string | null
}

const ALERT = { ALERT_URL: 'https://alerts.test/hook?secret=1' }
const START = Date.UTC(2032, 0, 1)

function target(answer: () => Response = () => new Response('ok')) {
  const alerts: Alert[] = []
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (_url, init) => {
    alerts.push(JSON.parse(init?.body as string) as Alert)
    return answer()
  })
  return alerts
}
const at = (ms: number) => vi.useFakeTimers({ now: START + ms, toFake: ['Date'] })
const minute = async (settings = {}) => {
  vi.setSystemTime(Date.now() + 60_000)
  await cron(1, { ...ALERT, ...settings })
}
afterEach(() => void vi.restoreAllMocks())

describe('an alert', () => {
  it('has the words for Slack and Discord, the verdict, since when, and the page that shows it', async () => {
    at(0)
    const alerts = target()
    await deliver(signedCallback({}, 'wrong'))
    await minute({ ALERT_URL: undefined })
    expect(alerts).toEqual([])
    await minute()
    const text = 'Needs attention: callbacks are refused (wrong secret?). See /health'
    const since = new Date(START).toISOString()
    expect(alerts).toEqual([{ text, content: text, status: 'degraded', parts: ['callbacks'], since, url: '/health' }])
  })

  it('comes again once a day while all is not well', async () => {
    at(86_400_000 * 10)
    const alerts = target()
    await deliver(signedCallback({}, 'wrong'))
    const kv = vi.spyOn(env.RESULTS, 'put').mockRejectedValue(new Error('KV PUT failed: 500'))
    await deliver(signedCallback({ task_id: 'kv' }))
    for (let hour = 0; hour < 30; hour += 1) {
      vi.setSystemTime(Date.now() + 3_600_000)
      await cron(1, ALERT)
    }
    kv.mockRestore()
    expect(alerts.filter(({ parts }) => parts.includes('kv'))).toHaveLength(2)
  })

  it('is tried again next minute where its target fails, and holds nothing else up', async () => {
    at(86_400_000 * 50)
    let status = 500
    const alerts = target(() => new Response('no', { status }))
    const log = vi.spyOn(console, 'error')
    await deliver(signedCallback({}, 'wrong'))
    await minute()
    status = 200
    await minute()
    await minute()
    expect(alerts).toHaveLength(2)
    expect(log.mock.calls.flat().join()).not.toContain('secret=1')
  })

  it('tells of a task that fails and of a first callback in quarantine, once each, and of no pending task', async () => {
    at(86_400_000 * 70)
    const alerts = target()
    await minute()
    expect((await register('a/pending')).status).toBe(201)
    await minute()
    expect(alerts).toEqual([])
    const fail = `UPDATE snapshots SET status = 'failed', record = json_set(record, '$.error.message', 'no such file')`
    await env.DB.prepare(fail).run()
    await minute()
    await minute()
    for (const vendor of ['tencent', 'hw', 'qiniu']) await deliver(signedCallback({ task_id: 'conflict', vendor }))
    await minute()
    await minute()
    expect(alerts.map(({ text, url }) => [text, url])).toEqual([
      ['Task a/pending failed: no such file. See /tasks/a%2Fpending', '/tasks/a%2Fpending'],
      ['In quarantine: 2 as conflict. See /quarantine', '/quarantine'],
    ])
  })

  it('comes once while D1 is read but takes no more writes, as at the end of a day of the free plan', async () => {
    at(86_400_000 * 80)
    const alerts = target()
    await minute()
    await register('unlucky')
    await env.DB.prepare(
      `UPDATE snapshots SET status = 'failed', record = json_set(record, '$.error.message', 'no')`,
    ).run()
    await deliver(signedCallback({}, 'wrong'))
    for (const event of ['INSERT', 'UPDATE']) {
      const full = `CREATE TRIGGER full_${event} BEFORE ${event} ON state BEGIN SELECT RAISE(ABORT, 'no more writes'); END`
      await env.DB.prepare(full).run()
    }
    for (let n = 0; n < 3; n += 1) await minute()
    expect(alerts.map(({ parts }) => parts)).toEqual([['callbacks']])
    for (const event of ['INSERT', 'UPDATE']) await env.DB.prepare(`DROP TRIGGER full_${event}`).run()
    await minute()
    expect(alerts).toHaveLength(1)
    expect((await env.ASIDE.list()).keys).toEqual([])
  })
})
