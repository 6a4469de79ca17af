import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { snapshotRecord } from '../../src/event.ts'
import { readmeCommand } from '../readme.ts'
import { projectCopy } from './project-copy.ts'

const copy = projectCopy()
const soon = { timeout: 30_000, interval: 100 }
/** On a busy machine Wrangler alone takes half a minute to start. */
const WRANGLER = { timeout: 90_000, interval: 100 }
/** A proxy that is not there: what runs on this machine is asked without it. (curl reads the name in lower case alone.) */
const DEAD_PROXY = { HTTP_PROXY: 'http://127.0.0.1:9', no_proxy: '', NO_PROXY: '' }
const env = { ...process.env, ...DEAD_PROXY, NODE_USE_ENV_PROXY: '1' }
let port: number
let origin: string
let npmStart: ChildProcessWithoutNullStreams
let printed = ''

async function bind(wanted: number) {
  const server = createServer()
  await once(server.listen(wanted, '127.0.0.1'), 'listening')
  const { port: bound } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return bound
}

/** A free port with a free one after it, for the pictures. */
async function freePort(): Promise<number> {
  const first = await bind(0)
  try {
    await bind(first + 1)
    return first
  } catch {
    return freePort()
  }
}

/** Runs to its end, in the copy unless told otherwise. */
async function run(command: string, args: string[], cwd = copy.directory) {
  const child = spawn(command, args, { cwd, env, shell: process.platform === 'win32' })
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { out, err, status: status as number }
}

/** A command of the README, as written there, but at our port, and with more flags. */
function runReadme(beginning: string, task_id = '', flags = '') {
  const command = readmeCommand(beginning).replace('http://127.0.0.1:8787', origin).replace('<task_id>', task_id)
  return run('sh', ['-c', command + flags])
}

/** The tasks of which the consumer has printed a line, one entry a line. */
const consumed = () => [...printed.matchAll(/ snapshot (\S+): \d/g)].map(([, task_id]) => task_id ?? '')

beforeAll(async () => {
  port = await freePort()
  origin = `http://127.0.0.1:${port}`
  // CI runs the `npm ci` before it.
  const [program, ...args] = readmeCommand('npm ci && npm start').split(' && ')[1]!.split(' ')
  npmStart = spawn(program!, [...args, '--', '--port', String(port)], {
    cwd: copy.directory,
    env,
    detached: true, // so that it can be sent what Ctrl-C sends
  })
  for (const stream of [npmStart.stdout, npmStart.stderr]) stream.on('data', (chunk) => (printed += String(chunk)))
  await vi.waitFor(() => expect(printed).toContain('Ready.'), { timeout: 55_000, interval: 100 })
})

/** A terminal sends it to all processes in the foreground. */
async function pressCtrlC() {
  process.kill(-npmStart.pid!, 'SIGINT')
  await vi.waitFor(() => expect(inCopy()).toEqual([]), soon)
}

afterAll(async () => {
  if (inCopy().length > 0) await pressCtrlC()
  copy.remove()
})

test('writes .dev.vars, says so before it is ready, and where everything is', () => {
  expect(readFileSync(join(copy.directory, '.dev.vars'), 'utf8')).toContain("ZEGO_CALLBACK_SECRET='secret'")
  expect(printed).toMatch(/Wrote \.dev\.vars: [^]*\nReady\./)
  expect(printed).toContain(`${origin}/zego/callback\n`)
  expect(printed).toContain(`npm run simulate -- --url "${origin}/zego/callback"`)
})

test('npm run doctor takes the secrets of .dev.vars, finds all well, and leaves nothing behind', async () => {
  const { out, status } = await run('npm', ['run', 'doctor', '--', origin])
  expect(out.match(/^ {2}(?:ok|note|WRONG|-) /gm), out).toEqual(Array.from({ length: 6 }, () => '  ok '))
  expect(status).toBe(0)
  const left = await fetch(`${origin}/v1/quarantine`, { headers: { authorization: 'Bearer dev-token' } })
  expect(await left.json()).toEqual({ items: [], next_cursor: null })
  expect(consumed()).toEqual([])
})

test('a task that is started through the API is finished by its callback, as from ZEGOCLOUD', async () => {
  const headers = { authorization: 'Bearer dev-token' }
  const body = JSON.stringify({ Vendor: 'Tencent', FileId: 'lecture', Type: 'SampleSnapshot', Definition: 10 })
  const started = await fetch(`${origin}/v1/snapshots`, { method: 'POST', headers, body })
  expect(started.status).toBe(201)
  const finished = await fetch(new URL(`${started.headers.get('location')}?wait=25`, origin), { headers })
  const record = await finished.json<{ task_id: string }>()
  expect(record).toMatchObject({ status: 'completed', via: 'callback' })
  await vi.waitFor(() => expect(consumed()).toContain(record.task_id), soon)
})

test(
  'npm run simulate: every encoding arrives, duplicates are one, forgeries are refused',
  { timeout: 120_000 },
  async () => {
    const before = new Set(consumed())
    const flags = ` -- --url ${origin}/zego/callback --duplicates 2 --forge`
    const { out, err, status } = await runReadme('npm run simulate', '', flags)
    expect(err).toBe('')
    expect(out).toMatch(/ delivered +20\n +duplicates +40\n +refused +60 of 60 forgeries\n +lost +0\n/)
    expect(out).toMatch(/ 200 stored +20\n/)
    expect(status).toBe(0)

    await vi.waitFor(() => expect(new Set(consumed()).size).toBe(before.size + 20), soon)
    expect(consumed()).toHaveLength(before.size + 20)

    const task_id = consumed().find((consumedId) => !before.has(consumedId))
    const record: unknown = JSON.parse((await runReadme('curl ', task_id)).out)
    await vi.waitFor(async () => {
      expect(JSON.parse((await runReadme('npx wrangler kv key get', task_id)).out)).toEqual(record)
    }, WRANGLER)
    const parsed = snapshotRecord.parse(record)
    const pictures = parsed.status === 'completed' ? parsed.snapshot_pic_list : []
    expect(pictures).toHaveLength(3)
    const picture = await fetch(pictures[1]!.url)
    expect(picture.headers.get('content-type')).toBe('image/svg+xml')
  },
)

test('says in a sentence that a port is taken', async () => {
  const another = projectCopy()
  onTestFinished(another.remove)
  const { err, status } = await run('npm', ['start', '--', '--port', String(port)], another.directory)
  expect(status).not.toBe(0)
  expect(err).toContain(`start: port ${port} is taken\n`)
})

/** The processes at work in the copy's directory. */
const inCopy = () =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`) === copy.directory
    } catch {
      return false
    }
  })

test('Ctrl-C leaves no process behind', async () => {
  expect(inCopy().length).toBeGreaterThan(2)
  await pressCtrlC()
})
