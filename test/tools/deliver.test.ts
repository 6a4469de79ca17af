import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import {
  callbackFor,
  deliver,
  sign,
  type Callback,
  type Clock,
  type DeliverOptions,
} from '../../tools/zegocloud/callback.ts'

/** Time passes only while someone sleeps, or while an attempt waits for its answer. */
function fakeClock() {
  let now = 0
  const sleeps: number[] = []
  const clock: Clock = {
    now: () => now,
    sleep: async (ms) => {
      sleeps.push(ms)
      now += ms
    },
  }
  return { clock, sleeps, pass: (ms: number) => (now += ms) }
}

/** Answers one status after the other, the last one for ever; null: no answer. Keeps what it was sent. */
function fakeFetch(statuses: (number | null)[], onRequest = () => {}) {
  const bodies: string[] = []
  const fetch: DeliverOptions['fetch'] = async (_url, init) => {
    onRequest()
    bodies.push(Buffer.from(init?.body as Uint8Array).toString())
    const status = statuses[Math.min(bodies.length, statuses.length) - 1]
    if (status === null || status === undefined) throw new TypeError('fetch failed', { cause: new Error('ECONNRESET') })
    return new Response(null, { status })
  }
  return { fetch, bodies }
}

const callback = callbackFor({ secret: 'secret' })
const url = 'http://receiver.test/zego/callback'
const options = { secret: 'secret', encoding: 'json', retry: 're-signed' } as const

test('retries 2, 4, 8, 16 and 32 s after the previous request, then gives up', async () => {
  const { clock, sleeps } = fakeClock()
  const { fetch, bodies } = fakeFetch([500])
  const { delivered } = await deliver(url, callback, { ...options, clock, fetch })
  expect(delivered).toBe(false)
  expect(bodies).toHaveLength(6)
  expect(sleeps).toEqual([2000, 4000, 8000, 16_000, 32_000])
})

test('counts the time that an attempt took: the schedule runs from request to request', async () => {
  const { clock, sleeps, pass } = fakeClock()
  const { fetch } = fakeFetch([500], () => pass(3000))
  await deliver(url, callback, { ...options, clock, fetch })
  expect(sleeps).toEqual([0, 1000, 5000, 13_000, 29_000])
})

test.each([null, 199 + 101, 302, 400, 401, 404, 409, 429, 503])('takes %s for a failure', async (status) => {
  const { clock } = fakeClock()
  const { fetch } = fakeFetch([status, 202])
  const { delivered, answers } = await deliver(url, callback, { ...options, clock, fetch })
  expect(delivered).toBe(true)
  expect(answers.map((answer) => answer.status)).toEqual([status, 202])
})

test('repeats the very bytes', async () => {
  const { clock } = fakeClock()
  const { fetch, bodies } = fakeFetch([500])
  await deliver(url, callback, { ...options, clock, fetch, encoding: 'form', retry: 'repeated' })
  expect(new Set(bodies).size).toBe(1)
})

test('re-signs each retry: new nonce and signature, the same content', async () => {
  const { clock } = fakeClock()
  const { fetch, bodies } = fakeFetch([500])
  const { last } = await deliver(url, callback, { ...options, clock, fetch })
  const sent = bodies.map((body) => JSON.parse(body) as Callback)
  expect(sent[0]?.nonce).toBe(callback.nonce)
  expect(new Set(sent.map(({ nonce }) => nonce)).size).toBe(6)
  for (const { timestamp, nonce, signature, ...content } of sent) {
    expect(signature).toBe(sign({ secret: 'secret', timestamp, nonce }))
    expect(content).toEqual({
      appid: callback.appid,
      event: 'snapshot',
      task_id: callback.task_id,
      field_id: callback.field_id,
      vendor: 'tencent',
      snapshot_pic_list: JSON.stringify(callback.snapshot_pic_list),
    })
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
  const { answers } = await deliver(`http://127.0.0.1:${port}/first`, callback, {
    ...options,
    timeScale: 0.001,
    timeoutSeconds: 3,
  })
  expect(paths).toEqual(['/first', '/first', '/first'])
  expect(answers.map(({ status }) => status)).toEqual([307, null, 200])
})
