/** The first callbacks come while something is wrong here, and ZEGOCLOUD gives up on each. Once it is right, none is missing. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createTestHarness, type TestHarness } from 'wrangler'
import { callbackFor, deliver, type DeliverOptions, stamp } from '../../tools/zegocloud.ts'
import { projectCopy } from '../../tools/lab/project-copy.ts'

const SECRET = 'secret'
const RIGHT = { ZEGO_CALLBACK_SECRET: SECRET, API_TOKEN: 'dev-token' }
const TASKS = 20
/** ZEGOCLOUD's 62 s become three. */
const TIME_SCALE = 0.05
/** ZEGOCLOUD starts 20 a second. */
const GAP_MS = 50 * TIME_SCALE
const soon = { timeout: 45_000, interval: 200 }

const copy = projectCopy()
const unpackFile = join(copy.directory, 'src/callback/unpack.ts')
const todaysUnpack = readFileSync(unpackFile, 'utf8')
/** A decoder that does not know gzip and deflate yet. */
const olderUnpack = todaysUnpack.replace('MOST_LAYERS = 2', 'MOST_LAYERS = 0')
let server: TestHarness

/** The receiver with these secrets and the example consumer, as `npm start` runs them. */
const withSecrets = (secrets: Record<string, string>) => ({
  root: copy.directory,
  workers: [{ configPath: 'wrangler.toml', secrets }, { configPath: 'examples/consumer/wrangler.toml' }],
})

/** Another version of the Worker, with the same stores. */
async function deploy(secrets: Record<string, string>, unpack = todaysUnpack) {
  writeFileSync(unpackFile, unpack)
  await server.update(withSecrets(secrets))
  return (await server.listen()).url.origin
}

beforeAll(async () => {
  Object.assign(process.env, { WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' })
  server = createTestHarness(withSecrets(RIGHT))
  await server.listen()
})

afterAll(async () => {
  await server.close()
  copy.remove()
})

async function rows<Row>(query: string) {
  const { DB } = await server.getWorker<{ DB: D1Database }>('zego-snapshots').getEnv()
  return (await DB.prepare(query).all<Row>()).results
}

async function inKv(task_id: string) {
  const { RESULTS } = await server.getWorker<{ RESULTS: KVNamespace }>('zego-snapshots').getEnv()
  return RESULTS.get(task_id)
}

async function twoMinutesPass() {
  for (const scheduledTime of [60_000, 120_000].map((ms) => new Date(Date.now() + ms))) {
    await server.getWorker('zego-snapshots').scheduled({ cron: '* * * * *', scheduledTime })
  }
}

/** The tasks of which the example consumer has printed a line, one entry a line. */
const consumed = () => server.getLogs().flatMap(({ message }) => /^snapshot (\S+):/.exec(message)?.[1] ?? [])

type Kept = { reason: string; tasks: number }
type Stored = { task_id: string; record: string; signed_at: string; received_at: string }

/** What is not given is right, also before the fix. */
type Fault = {
  secrets?: Record<string, string>
  unpack?: string
  path?: string
  fixed?: Record<string, string>
  how?: Pick<DeliverOptions, 'encoding' | 'retry'>
}

const faults: [title: string, status: number, reason: string, fault: Fault][] = [
  ['a wrong secret', 401, 'bad_signature', { secrets: { ...RIGHT, ZEGO_CALLBACK_SECRET: 'wrong' } }],
  ['no secret', 503, 'not_configured', { secrets: { API_TOKEN: 'dev-token' } }],
  [
    'a wrong path token',
    404,
    'wrong_path',
    {
      secrets: { ...RIGHT, CALLBACK_PATH_TOKEN: 'wrong' },
      path: '/token',
      fixed: { ...RIGHT, CALLBACK_PATH_TOKEN: 'token' },
    },
  ],
  [
    'a decoder that does not know the encoding',
    400,
    'undecodable',
    { unpack: olderUnpack, how: { encoding: 'gzip', retry: 'repeated' } },
  ],
]

test.each(faults)('%s: what ZEGOCLOUD counts as lost is stored and published', { timeout: 120_000 }, async (...row) => {
  const [, status, reason, { secrets = RIGHT, unpack, path = '', fixed = RIGHT, how }] = row
  expect(olderUnpack).not.toBe(todaysUnpack)
  const url = `${await deploy(secrets, unpack)}/zego/callback${path}`
  const began = Date.now()
  const callbacks = Array.from({ length: TASKS }, (_, index) =>
    callbackFor({ secret: SECRET, stamped: stamp(SECRET, Math.floor(began / 1000) - 100 - index) }),
  )
  const deliveries = callbacks.map(async (callback, index) => {
    await sleep(index * GAP_MS)
    return deliver(url, callback, {
      secret: SECRET,
      timeScale: TIME_SCALE,
      encoding: 'json',
      retry: 're-signed',
      ...how,
    })
  })
  const answers = (await Promise.all(deliveries)).flatMap((delivery) => delivery.answers)
  expect(answers.map((answer) => answer.status)).toEqual(Array(6 * TASKS).fill(status))
  const kept = `SELECT reason, count(DISTINCT substr(id, 1, length(reason) + 65)) AS tasks FROM quarantine GROUP BY reason`
  await vi.waitFor(async () => expect(await rows<Kept>(kept)).toEqual([{ reason, tasks: TASKS }]), soon)

  const fixedAt = Date.now()
  await deploy(fixed)
  await twoMinutesPass()
  const ids = callbacks.map(({ task_id }) => task_id).toSorted()
  await vi.waitFor(async () => expect(await rows('SELECT id FROM quarantine')).toEqual([]), soon)
  await vi.waitFor(
    () =>
      expect(
        consumed()
          .filter((id) => ids.includes(id))
          .toSorted(),
      ).toEqual(ids),
    soon,
  )
  const stored = await rows<Stored>(
    `SELECT task_id, record, record ->> 'signed_at' AS signed_at, record ->> 'received_at' AS received_at FROM snapshots`,
  )
  for (const { task_id, timestamp } of callbacks) {
    const { record, signed_at, received_at } = stored.find((each) => each.task_id === task_id)!
    expect(await inKv(task_id)).toBe(record)
    expect(Date.parse(signed_at) / 1000).toBe(Number(timestamp))
    expect(Date.parse(received_at)).toBeGreaterThanOrEqual(began)
    expect(Date.parse(received_at)).toBeLessThan(fixedAt)
  }
})
