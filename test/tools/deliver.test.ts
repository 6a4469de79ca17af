import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { callbackFor, deliver, sign, type Callback } from '../../tools/zegocloud/callback.ts'

/** Time passes only while someone sleeps, or while an attempt waits for its answer. */
const sleeps = vi.hoisted((): number[] => [])
vi.mock('node:timers/promises', () => ({
  setTimeout: async (ms: number) => {
    sleeps.push(ms)
    vi.advanceTimersByTime(ms)
  },
}))

beforeEach(() => {
  sleeps.length = 0
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Answers one status after the other, the last one for ever; null: no answer. Gives the bodies that it was sent. */
function answerWith(statuses: (number | null)[], afterMs = 0) {
  const bodies: string[] = []
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (_url, init) => {
    vi.advanceTimersByTime(afterMs)
    bodies.push(Buffer.from(init?.body as Uint8Array).toString())
    const status = statuses[Math.min(bodies.length, statuses.length) - 1]
    if (status === null || status === undefined) throw new TypeError('fetch failed', { cause: new Error('ECONNRESET') })
    return new Response(null, { status })
  })
  return bodies
}

const callback = callbackFor({ secret: 'secret' })
const url = 'http://receiver.test/zego/callback'
const options = { secret: 'secret', encoding: 'json', retry: 're-signed' } as const

test.each([
  ['2, 4, 8, 16 and 32 s after the previous request, then gives up', 0, [2000, 4000, 8000, 16_000, 32_000]],
  ['on a schedule that runs from request to request', 3000, [0, 1000, 5000, 13_000, 29_000]],
])('retries %s', async (_, answerMs, pauses) => {
  const bodies = answerWith([500], answerMs)
  const { delivered } = await deliver(url, callback, options)
  expect({ delivered, attempts: bodies.length, sleeps }).toEqual({ delivered: false, attempts: 6, sleeps: pauses })
})

test.each([null, 300, 302, 400, 401, 404, 409, 429, 503])('takes %s for a failure', async (status) => {
  answerWith([status, 202])
  const { delivered, answers } = await deliver(url, callback, options)
  expect(delivered).toBe(true)
  expect(answers.map((answer) => answer.status)).toEqual([status, 202])
})

test('repeats the very bytes', async () => {
  const bodies = answerWith([500])
  await deliver(url, callback, { ...options, encoding: 'form', retry: 'repeated' })
  expect([bodies.length, new Set(bodies).size]).toEqual([6, 1])
})

test('re-signs each retry: new nonce and signature, the same content', async () => {
  const bodies = answerWith([500])
  const { last } = await deliver(url, callback, options)
  const sent = bodies.map((body) => JSON.parse(body) as Callback)
  expect(sent[0]?.nonce).toBe(callback.nonce)
  expect(new Set(sent.map(({ nonce }) => nonce)).size).toBe(6)
  for (const { timestamp, nonce, signature, ...content } of sent) {
    expect(signature).toBe(sign({ secret: 'secret', timestamp, nonce }))
    const { timestamp: _timestamp, nonce: _nonce, signature: _signature, ...said } = callback
    expect(content).toEqual({ ...said, snapshot_pic_list: JSON.stringify(callback.snapshot_pic_list) })
  }
  expect(last.nonce).toBe(sent[5]?.nonce)
})

test('follows no redirect, and gives up on an attempt that is not answered in time', async () => {
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(request.url ?? '')
    if (paths.length === 1) response.writeHead(307, { location: '/elsewhere' }).end()
    if (paths.length === 3) response.end('ok')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const { answers } = await deliver(`http://127.0.0.1:${port}/first`, callback, { ...options, timeoutSeconds: 3 })
  expect(paths).toEqual(['/first', '/first', '/first'])
  expect(answers.map(({ status }) => status)).toEqual([307, null, 200])
})
