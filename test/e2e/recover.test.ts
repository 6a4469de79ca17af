import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createTestHarness, type TestHarness } from 'wrangler'
import { snapshotRecord } from '../../src/event.ts'
import { type ApiOptions, serverApi } from '../../tools/zegocloud/server-api.ts'
import { projectCopy } from './project-copy.ts'

const SERVER_SECRET = 'server-secret-of-12345'
const copy = projectCopy()
const soon = { timeout: 20_000, interval: 100 }

/** Tasks finish at once: their callbacks come before anybody could ask about them. */
const options: ApiOptions = {
  serverSecrets: { '12345': SERVER_SECRET },
  callbackUrl: '', // known when the receiver is up
  callbackSecret: 'secret',
  finishAfterMs: 50,
}
const zegocloud = serverApi(options)
let server: TestHarness
let origin: string

/** The receiver and the example consumer, as `npm start` runs them, at the stand-in for ZEGOCLOUD's API. */
beforeAll(async () => {
  Object.assign(process.env, { WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' })
  await once(zegocloud.server.listen(0, '127.0.0.1'), 'listening')
  const ZEGO_API_URL = `http://127.0.0.1:${(zegocloud.server.address() as AddressInfo).port}/`
  const secrets = {
    ZEGO_CALLBACK_SECRET: 'secret',
    API_TOKEN: 'dev-token',
    ZEGO_SERVER_SECRET: JSON.stringify(options.serverSecrets),
  }
  server = createTestHarness({
    root: copy.directory,
    workers: [
      { configPath: 'wrangler.toml', secrets, vars: { ZEGO_API_URL } },
      { configPath: 'examples/consumer/wrangler.toml' },
    ],
  })
  origin = (await server.listen()).url.origin
  options.callbackUrl = `${origin}/zego/callback`
})

afterAll(async () => {
  await server.close()
  zegocloud.server.closeAllConnections()
  zegocloud.server.close()
  copy.remove()
})

const headers = { authorization: 'Bearer dev-token' }

/** As the curl that `npm start` prints does it. */
async function start(FileId: string) {
  const task = { Vendor: 'Tencent', FileId, Type: 'SampleSnapshot', Definition: 10 }
  const response = await fetch(`${origin}/v1/snapshots`, { method: 'POST', headers, body: JSON.stringify(task) })
  const { task_id, status } = await response.json<{ task_id: string; status: string }>()
  expect([response.status, status]).toEqual([201, 'pending'])
  return task_id
}

async function get<Value>(path: string) {
  const response = await fetch(`${origin}/v1/snapshots/${path}`, { headers })
  return response.json<Value>()
}

const record = async (task_id: string) => snapshotRecord.parse(await get(encodeURIComponent(task_id)))

/** What the example consumer printed of a task. */
const printed = (task_id: string) =>
  server
    .getLogs()
    .map(({ message }) => message)
    .filter((message) => message.startsWith(`snapshot ${task_id}`))

const pictures = (task_id: string) =>
  zegocloud.tasks.get(task_id)?.callback.snapshot_pic_list.map(({ url }) => ({ url })) ?? []

/** Two minutes later, as far as the tasks are concerned; then the minute's cron. */
async function twoMinutesLater() {
  const worker = server.getWorker<{ DB: D1Database }>('zego-snapshots')
  const { DB } = await worker.getEnv()
  await DB.prepare('UPDATE snapshots SET ask_due = ask_due - 120000').run()
  await worker.scheduled({ cron: '* * * * *', scheduledTime: new Date() })
}

test('a task whose callback was lost is recovered, and one that failed is noticed; the consumer hears of both', async () => {
  const lost = await start('lecture+drop')
  const failing = await start('lecture+fail')
  expect((await record(lost)).status).toBe('pending')

  // Once the stand-in has finished them: asked too early it says so, and is asked again later.
  await new Promise((resolve) => setTimeout(resolve, 100))
  await twoMinutesLater()
  await vi.waitFor(async () => {
    expect(await record(lost)).toMatchObject({ status: 'completed', via: 'query', snapshot_pic_list: pictures(lost) })
    expect(await record(failing)).toMatchObject({
      status: 'failed',
      error: { message: 'the source file cannot be decoded' },
    })
  }, soon)
  expect(pictures(lost)).toHaveLength(3)
  await vi.waitFor(() => {
    expect(printed(lost)).toEqual([`snapshot ${lost}: 3 pictures from tencent`])
    expect(printed(failing)).toEqual([`snapshot ${failing} failed: the source file cannot be decoded`])
  }, soon)
})

test("a record that is not ZEGOCLOUD's is told so, with both lists, and stays as it is", async () => {
  const [disagreeing, agreeing] = [await start('lecture+disagree'), await start('lecture')]
  for (const task_id of [disagreeing, agreeing]) {
    await vi.waitFor(async () => expect(await record(task_id)).toMatchObject({ via: 'callback' }), soon)
  }
  const before = await record(disagreeing)
  const stored = pictures(disagreeing).map(({ url }) => url)
  expect(await get(`${encodeURIComponent(disagreeing)}/confirmation`)).toEqual({
    confirmed: false,
    stored,
    zegocloud: stored.map((url) => `${url}&other=1`),
  })
  expect(await get(`${encodeURIComponent(agreeing)}/confirmation`)).toEqual({ confirmed: true })
  expect(await record(disagreeing)).toEqual(before)
})
