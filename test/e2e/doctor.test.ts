import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestHarness, type TestHarness } from 'wrangler'

const SECRET = 'callback-secret-of-12345'
const SERVER_SECRET = 'server-secret-of-12345'
const API_TOKEN = 'api-token-of-this-test'
const PATH_TOKEN = 'path-token-of-this-test'
const ALL = { ZEGO_CALLBACK_SECRET: SECRET, API_TOKEN }

const root = join(import.meta.dirname, '../..')
const elsewhere = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
let server: TestHarness

/** The receiver with these secrets, and the example consumer beside it. */
const withSecrets = (secrets: Record<string, string>) => ({
  root,
  workers: [{ configPath: 'wrangler.toml', secrets }, { configPath: 'examples/consumer/wrangler.toml' }],
})

/** The origin of a receiver that has these secrets, and nothing else. */
async function receiver(secrets: Record<string, string>) {
  await server.update(withSecrets(secrets))
  const { origin } = (await server.listen()).url
  await fetch(`${origin}/healthz`) // makes the tables
  const { DB } = await server.getWorker<{ DB: D1Database }>('zego-snapshots').getEnv()
  await DB.batch(['snapshots', 'quarantine', 'ledger', 'state'].map((table) => DB.prepare(`DELETE FROM ${table}`)))
  return origin
}

beforeAll(async () => {
  // Nothing here needs the network.
  Object.assign(process.env, { WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' })
  server = createTestHarness(withSecrets(ALL))
  await server.listen()
})

afterAll(async () => {
  await server.close()
  rmSync(elsewhere, { recursive: true })
})

/** The doctor as a user runs it, with variables for secrets. What it prints never holds one. */
async function doctor(url: string, env: Record<string, string>) {
  const node = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning']
  const program = join(root, 'tools/doctor.ts')
  const child = spawn(process.execPath, [...node, program, url], {
    cwd: elsewhere, // where no .dev.vars is
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  for (const secret of [SECRET, SERVER_SECRET, API_TOKEN, PATH_TOKEN]) expect(out + err).not.toContain(secret)
  expect(err).toBe('')
  const verdicts = [...out.matchAll(/^ {2}(ok|note|WRONG|-) +(\S+(?: \S+)*) {2,}/gm)].map(([, verdict]) => verdict)
  return { out: out.replace(/\s+/g, ' '), status, verdicts }
}

async function rows(query: string) {
  const { DB } = await server.getWorker<{ DB: D1Database }>('zego-snapshots').getEnv()
  return (await DB.prepare(query).all()).results
}

test('all is green where all is right; nothing is left but the ledger, and no consumer saw anything', async () => {
  const { out, status, verdicts } = await doctor(await receiver(ALL), ALL)
  expect(verdicts, out).toEqual(Array.from({ length: 6 }, () => 'ok'))
  expect(status).toBe(0)
  expect(await rows('SELECT id FROM quarantine')).toEqual([])
  expect(await rows('SELECT task_id FROM snapshots')).toEqual([])
  expect(await rows('SELECT 1 FROM ledger')).not.toEqual([])
  expect(server.getLogs().filter(({ message }) => message.startsWith('snapshot '))).toEqual([])
})

test('the ServerSecret in the place of the CallbackSecret is named in these words', async () => {
  const origin = await receiver({ ZEGO_CALLBACK_SECRET: SERVER_SECRET, API_TOKEN })
  const env = { ...ALL, ZEGO_SERVER_SECRET: `{"12345":"${SERVER_SECRET}"}` }
  const { out, status } = await doctor(origin, env)
  expect(out).toContain('The Worker has the ServerSecret where the CallbackSecret belongs.')
  expect(out).toContain('npx wrangler secret put ZEGO_CALLBACK_SECRET')
  expect(status).toBe(1)
  expect(await rows('SELECT id FROM quarantine')).toEqual([])
})

test('a path token that is missing, or wrong, is named; with the right one all is well', async () => {
  const origin = await receiver({ ...ALL, CALLBACK_PATH_TOKEN: PATH_TOKEN })
  const missing = await doctor(origin, ALL)
  expect(missing.out).toContain('the Worker requires a path token, and the URL has none')
  const wrong = await doctor(`${origin}/zego/callback/another`, ALL)
  expect(wrong.out).toContain("the path token is not the Worker's")
  const inUrl = await doctor(`${origin}/zego/callback/${PATH_TOKEN}`, ALL)
  const inVariable = await doctor(origin, { ...ALL, CALLBACK_PATH_TOKEN: PATH_TOKEN })
  expect([missing, wrong, inUrl, inVariable].map(({ status }) => status)).toEqual([1, 1, 0, 0])
})
