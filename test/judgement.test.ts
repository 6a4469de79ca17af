/** First contact, outages, recoveries and clean-ups, minute by minute: every place that tells of health tells the same. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Env, readSettings } from '../src/settings.ts'
import { signedCallback } from './callbacks.ts'
import { checkHealth, checkHistory } from '../tools/doctor/reach.ts'
import type { Context } from '../tools/doctor/context.ts'
import { signedIn } from './dashboard/visitor.ts'
import { del, get, post } from './http/api.ts'
import { cron, deliver, request, rows } from './worker.ts'

const version = (id: string, day: number) => ({ VERSION: { id, tag: '', timestamp: `2033-01-0${day}T00:00:00Z` } })
/** The consumer of INTAKE has the wrong secret too: it is the one of vitest.config.ts. */
const WRONG = version('first', 1)
const RIGHT = { ZEGO_CALLBACK_SECRET: 'right', ...version('second', 2) }
const genuine = (fields = {}) => signedCallback(fields, 'right')
const DOWN = {
  DB: {
    prepare: () => ({ bind: () => ({}) }),
    batch: () => Promise.reject(new Error('D1_ERROR: Network connection lost')),
  },
}
const REFUSED = 'callbacks are refused (wrong secret?)'

let now = Date.UTC(2033, 0, 3)
let alerts: string[] = []
/** The settings of the Worker that doctor asks. */
let doctored: Record<string, unknown> = {}

beforeEach(() => {
  now += 100 * 86_400_000
  alerts = []
  vi.useFakeTimers({ now, toFake: ['Date'] })
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const { url } = new Request(input)
    if (url.startsWith(ORIGIN)) return request(url, init, doctored)
    alerts.push((JSON.parse(init?.body as string) as { text: string }).text)
    return new Response()
  })
})
afterEach(() => void vi.restoreAllMocks())

const ORIGIN = 'https://receiver.test'

/** Doctor's marks for the health and for what came so far. */
async function askDoctor(settings: Record<string, unknown>): Promise<string[]> {
  doctored = settings
  const given = { apiToken: 'test-token' }
  const target = { origin: ORIGIN, host: 'receiver.test' }
  const context = { target, given, otherSecrets: [], timeoutMs: 20_000 } as unknown as Context
  return [(await checkHealth(context)).verdict, (await checkHistory(context)).verdict]
}

/** From the mildest to the gravest. */
const SHAPES = ['note', 'well', 'waiting', 'bad']
const MARKS = { ok: ['Healthy', 'well'], degraded: ['Needs attention', 'waiting'], unhealthy: ['Failing', 'bad'] }

/** The next minute: its cron, and then what each place says, which has to agree. `news` is what ALERT_URL was told. */
async function minute(settings: Record<string, unknown> = {}, minutes = 1) {
  vi.setSystemTime(Date.now() + minutes * 60_000)
  alerts = []
  await cron(1, { ALERT_URL: 'https://alerts.test/', ...settings })
  const response = await request('https://receiver.test/healthz', {}, settings)
  const health = await response.json<{ status: keyof typeof MARKS; parts?: string[] }>()
  expect(response.status).toBe(health.status === 'unhealthy' ? 503 : 200)
  const status = await get('/v1/status', settings)
  if (status.ok) expect(await status.json()).toMatchObject(health)
  const page = await (await (await signedIn(settings)).open('/health')).text()
  const [title, shape] = MARKS[health.status]
  const badge = /<header>.*<span class="status (\w+)">([^<]*)<\/span>/s.exec(page)!
  const lines = [...page.matchAll(/<li><span class="status (\w+)">/g)].map(([, mark]) => SHAPES.indexOf(mark!))
  expect([/<h1>(.*)<\/h1>/.exec(page)![1], badge[1]]).toEqual([title, shape])
  expect(SHAPES[Math.max(...lines)]).toBe(shape)
  const [asksHealth, history] = await askDoctor(settings)
  expect(asksHealth).toBe({ ok: 'well', degraded: 'note', unhealthy: 'wrong' }[health.status])
  return { parts: health.parts ?? [], badge: badge[2], news: alerts, page, history }
}

const healthy = { parts: [], badge: 'Healthy', news: [] }

/** Three tasks, each three times, as ZEGOCLOUD repeats what is refused. */
async function deliverNine(settings: Record<string, unknown>) {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    for (const task_id of ['a', 'b', 'c']) await deliver(genuine({ task_id }), settings)
    vi.setSystemTime(Date.now() + 1000)
  }
}

/** Doctor's own callback; the secret is the one that its user has typed. */
const doctors = (secret: string) => signedCallback({ event: 'zego_snapshots_test', task_id: 'doctor' }, secret)

describe('first contact', () => {
  it('under a wrong secret: refused until the right one is set, then at once what was kept is accepted', async () => {
    expect(await minute(WRONG)).toMatchObject(healthy)
    await deliverNine(WRONG)
    const told = [`Needs attention: ${REFUSED}. See /health`, 'In quarantine: 9 as bad_signature. See /quarantine']
    expect(await minute(WRONG)).toMatchObject({ parts: ['callbacks'], badge: REFUSED, news: [told.join(' ')] })
    expect(await minute(WRONG)).toMatchObject({ parts: ['callbacks'], badge: REFUSED, news: [], history: 'wrong' })
    const news: string[] = []
    const isAnyLeft = async () => (await rows('SELECT 1 FROM quarantine')).length > 0
    for (let n = 0; n < 5 && (await isAnyLeft()); n += 1) news.push(...(await minute(RIGHT)).news)
    expect(await isAnyLeft()).toBe(false)
    const last = await minute(RIGHT)
    expect(last).toMatchObject({ parts: [], badge: 'Healthy', history: 'note' })
    expect(last.page).toContain('3 results of 9 kept callbacks were accepted')
    expect([...news, ...last.news]).toEqual([
      expect.stringMatching(/^Healthy: \d results? of \d kept callbacks? (?:was|were) accepted\. See \/health$/),
    ])
  })

  it('with the ServerSecret in its place: what doctor sends is accepted, and nothing is well by that', async () => {
    await minute(WRONG)
    await deliver(genuine(), WRONG)
    expect(await minute(WRONG)).toMatchObject({ parts: ['callbacks'], badge: REFUSED })
    expect((await deliver(doctors('secret'), WRONG)).status).toBe(202)
    expect(await minute(WRONG)).toMatchObject({ parts: ['callbacks'], badge: REFUSED, news: [], history: 'wrong' })
    expect(await (await get('/v1/status', WRONG)).json()).toMatchObject({ last_callback: null })
  })

  it('is put right by an operator, too, who accepts one kept callback by hand', async () => {
    await minute(WRONG)
    const callback = genuine()
    await deliver(callback, WRONG)
    expect(await minute(WRONG)).toMatchObject({ parts: ['callbacks'] })
    await deliver(callback, WRONG)
    const [{ id }] = (await rows<{ id: string }>('SELECT id FROM quarantine')) as [{ id: string }]
    expect((await post(`/v1/quarantine/${encodeURIComponent(id)}/retry`, RIGHT)).status).toBe(200)
    expect(await minute(RIGHT)).toMatchObject({ parts: [], badge: 'Healthy' })
  })

  it('stays refused where forgeries are refused after the fix', async () => {
    await deliver(genuine(), WRONG)
    await minute(RIGHT)
    await minute(RIGHT)
    await deliver(signedCallback({}, 'forged'), RIGHT)
    expect(await minute(RIGHT)).toMatchObject({ parts: ['callbacks'] })
  })
})

describe("a stranger's body", () => {
  it('is no news at first contact: the empty gallery calls no callback refused, as the badge does not', async () => {
    await minute()
    await deliver('{')
    expect(await minute()).toMatchObject({ parts: [], badge: 'Healthy, 1 in quarantine' })
    const gallery = await (await (await signedIn()).open('/')).text()
    expect(gallery).toContain('<h1>No callback yet</h1>')
  })
})

describe("a doctor's run", () => {
  it.each(['secret', 'mistyped'])('changes nothing and tells nobody, nor does its clean-up: %s', async (secret) => {
    await minute()
    await deliver(signedCallback())
    expect(await minute()).toMatchObject(healthy)
    const { ok } = await deliver(doctors(secret))
    expect(ok).toBe(secret === 'secret')
    expect(await minute()).toMatchObject(healthy)
    const [{ id }] = (await rows<{ id: string }>('SELECT id FROM quarantine')) as [{ id: string }]
    await del(`/v1/quarantine/${encodeURIComponent(id)}`)
    expect(await minute()).toMatchObject(healthy)
  })
})

describe("an operator's clean-up", () => {
  it('of the quarantine leaves a refusal standing until a callback is accepted', async () => {
    await minute(WRONG)
    await deliver(genuine(), WRONG)
    await minute(WRONG)
    await del('/v1/quarantine?reason=bad_signature')
    expect(await minute(RIGHT)).toMatchObject({ parts: ['callbacks'], badge: REFUSED, news: [] })
    await deliver(genuine(), RIGHT)
    expect(await minute(RIGHT)).toMatchObject({ ...healthy, news: ['Healthy: everything works again. See /health'] })
  })
})

describe('an outage and its end are told once each', () => {
  it('of D1, in isolates that share nothing', async () => {
    await deliver(signedCallback())
    await minute()
    const down = { parts: ['d1'], badge: 'D1 does not answer' }
    expect(await minute(DOWN)).toMatchObject({ ...down, news: ['Failing: D1 does not answer. See /health'] })
    expect(await env.ASIDE.list()).toMatchObject({ keys: [{ name: 'told' }] })
    vi.resetModules()
    const other = await import('../src/alert.ts')
    const settings = { ...env, ...DOWN, ALERT_URL: 'https://alerts.test/' } as unknown as Env
    alerts = []
    await other.alert(settings, readSettings(settings), Date.now() + 60_000)
    expect(alerts).toEqual([])
    expect(await minute()).toMatchObject({ ...healthy, news: ['Healthy: everything works again. See /health'] })
    expect(await env.ASIDE.list()).toMatchObject({ keys: [] })
    expect(await minute()).toMatchObject(healthy)
    expect(await minute(DOWN)).toMatchObject({ ...down, news: ['Failing: D1 does not answer. See /health'] })
  })

  it('of D1, where KV still shows what ASIDE has forgotten', async () => {
    await minute()
    await minute(DOWN)
    const told = await env.ASIDE.get('told')
    expect((await minute()).news).toHaveLength(1)
    await env.ASIDE.put('told', told!)
    expect((await minute()).news).toEqual([])
  })

  it('of D1, each minute where ASIDE is down too', async () => {
    await minute()
    for (const method of ['get', 'put'] as const) vi.spyOn(env.ASIDE, method).mockRejectedValue(new Error('KV is down'))
    expect((await minute(DOWN)).news).toHaveLength(1)
    expect((await minute(DOWN)).news).toHaveLength(1)
    vi.mocked(env.ASIDE.get).mockRestore()
    expect(await minute()).toMatchObject(healthy)
  })

  it.each([
    ['KV', ['kv'], 'Needs attention', 'KV does not have every result'],
    ['the queue and KV', ['publishing', 'kv'], 'Failing', 'publishing is behind'],
  ])('of %s, and no line says then that it is in time', async (_what, parts, title, words) => {
    const isQueueDown = parts.includes('publishing')
    const queue = isQueueDown ? [vi.spyOn(env.EVENTS, 'send'), vi.spyOn(env.EVENTS, 'sendBatch')] : []
    const stores = [vi.spyOn(env.RESULTS, 'put'), ...queue]
    await minute()
    for (const store of stores) store.mockRejectedValue(new Error('down'))
    await deliver(signedCallback())
    const early = await minute()
    expect(early).toMatchObject(healthy)
    expect(early.page).toContain('Results reach KV in time')
    const late = await minute({}, 20)
    expect(late).toMatchObject({ parts, badge: words, news: [expect.stringMatching(`^${title}: ${words}`)] })
    expect(late.page).not.toContain('Results reach KV in time')
    expect(late.page.includes('Events reach the queue in time')).toBe(!isQueueDown)
    for (const store of stores) store.mockRestore()
    await minute({}, 60)
    const last = await minute()
    expect(last).toMatchObject({ parts: [], badge: 'Healthy' })
    expect(last.page).toContain('Results reach KV in time')
  })
})
