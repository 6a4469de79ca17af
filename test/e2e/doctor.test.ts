import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { openReceiver } from './receiver.ts'

const SECRET = 'callback-secret-of-12345'
const SERVER_SECRET = 'server-secret-of-12345'
const API_TOKEN = 'api-token-of-this-test'
const PATH_TOKEN = 'path-token-of-this-test'
const ALL = { ZEGO_CALLBACK_SECRET: SECRET, API_TOKEN }

const elsewhere = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
afterAll(() => rmSync(elsewhere, { recursive: true }))

async function receiver(secrets: Record<string, string>) {
  const opened = await openReceiver({ CALLBACK_PATH_TOKEN: PATH_TOKEN, ...secrets })
  onTestFinished(opened.close)
  return opened
}

/** The doctor as a user runs it, with variables for secrets. What it prints never holds one. */
async function doctor(url: string, env: Record<string, string>) {
  const node = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning']
  const program = join(import.meta.dirname, '../../tools/doctor.ts')
  const child = spawn(process.execPath, [...node, program, url], {
    cwd: elsewhere, // where no .dev.vars is
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  for (const secret of [SECRET, SERVER_SECRET, API_TOKEN, PATH_TOKEN]) expect(out + err).not.toContain(secret)
  expect(err).toBe('')
  return { out: out.replace(/\s+/g, ' '), status }
}

test('the ServerSecret in the place of the CallbackSecret is named in these words, and nothing is left', async () => {
  const { origin, env } = await receiver({ ...ALL, ZEGO_CALLBACK_SECRET: SERVER_SECRET })
  const known = { ...ALL, CALLBACK_PATH_TOKEN: PATH_TOKEN, ZEGO_SERVER_SECRET: `{"12345":"${SERVER_SECRET}"}` }
  const { out, status } = await doctor(origin, known)
  expect(out).toContain('The Worker has the ServerSecret where the CallbackSecret belongs.')
  expect(out).toContain('npx wrangler secret put ZEGO_CALLBACK_SECRET')
  expect(status).toBe(1)
  expect((await (await env()).DB.prepare('SELECT id FROM quarantine').all()).results).toEqual([])
})

test('a path token that is missing, or wrong, is named; with the right one all is well', async () => {
  const { origin } = await receiver(ALL)
  const missing = await doctor(origin, ALL)
  expect(missing.out).toContain('the Worker requires a path token, and the URL has none')
  const wrong = await doctor(`${origin}/zego/callback/another`, ALL)
  expect(wrong.out).toContain("the path token is not the Worker's")
  const inUrl = await doctor(`${origin}/zego/callback/${PATH_TOKEN}`, ALL)
  const inVariable = await doctor(origin, { ...ALL, CALLBACK_PATH_TOKEN: PATH_TOKEN })
  expect([missing, wrong, inUrl, inVariable].map(({ status }) => status)).toEqual([1, 1, 0, 0])
})
