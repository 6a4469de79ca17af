/**
 * `npm start`: the receiver on this machine, with real local D1, KV and Queues, the example consumer beside it, and
 * sample pictures. It needs no account and no network.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { firstAppid, firstOf, readDevVars, writeFirstDevVars } from './dev-vars.ts'
import { flagsOrExit, whole } from './flags.ts'
import { pictureServer } from './pictures.ts'
import { readable } from './readable.ts'
import { zegoApi } from './zego-api.ts'

const flags = flagsOrExit('start', 'npm start -- [flags]   Runs the receiver on this machine.', {
  port: whole('where it listens, on 127.0.0.1; the sample pictures are at the next port', 8787, {
    from: 1,
    to: 65_534,
  }),
})

const HOST = '127.0.0.1'
const CRON_MS = 60_000
/** What Wrangler gets to write its local stores before it is ended by force. */
const STOP_MS = 5_000
const PARENT_MS = 500

const root = join(import.meta.dirname, '..')
process.chdir(root)

/** A port that is taken is told of before anything runs: Wrangler's own message is a page long. */
async function listen(server: Server, port: number) {
  try {
    await once(server.listen(port, HOST), 'listening')
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    console.error(`start: port ${port} ${taken ? 'is taken' : `cannot be used (${String(error)})`}`)
    console.error(`Stop what listens there, or take two others: npm start -- --port ${flags.port + 10}`)
    process.exit(1)
  }
}

async function mustBeFree(port: number) {
  const server = createServer()
  await listen(server, port)
  server.close()
  await once(server, 'close')
}

const wranglerEnv = {
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  // Else a placeholder for `request.cf` is fetched from the network.
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  // Apart from whatever else runs under `wrangler dev`: Workers and queues of the same name would be joined.
  CLOUDFLARE_DEV_REGISTRY_PATH: join(root, '.wrangler', 'registry'),
  WRANGLER_LOG_PATH: join(root, '.wrangler', 'logs'),
}

/** Where ZEGOCLOUD's server API is played, and settings that let the receiver call it. They are in no file. */
type StandIn = { origin: string; vars: string[] }

/** While there is no real ServerSecret, so that tasks can be started, lost and recovered on this machine. */
async function startStandIn(): Promise<StandIn | undefined> {
  const { ZEGO_SERVER_SECRET, ZEGO_CALLBACK_SECRET, CALLBACK_PATH_TOKEN } = readDevVars()
  if (ZEGO_SERVER_SECRET?.trim()) return undefined
  const appid = firstAppid(ZEGO_CALLBACK_SECRET) ?? '12345'
  const callbackSecret = firstOf(ZEGO_CALLBACK_SECRET, appid)
  if (callbackSecret === undefined) return undefined
  const serverSecrets = { [appid]: randomBytes(16).toString('hex') }
  const token = firstOf(CALLBACK_PATH_TOKEN)
  const callbackUrl = `http://${HOST}:${flags.port}/zego/callback${token ? `/${encodeURIComponent(token)}` : ''}`
  const picturesAt = `http://${HOST}:${flags.port + 1}`
  const { server } = zegoApi({ serverSecrets, callbackUrl, callbackSecret, picturesAt })
  await listen(server, 0)
  const origin = `http://${HOST}:${(server.address() as AddressInfo).port}`
  const vars = [`ZEGO_API_URL:${origin}/`, `ZEGO_SERVER_SECRET:${JSON.stringify(serverSecrets)}`]
  return { origin, vars: vars.flatMap((pair) => ['--var', pair]) }
}

function startWrangler(vars: string[]) {
  const wrangler = createRequire(import.meta.url)
    .resolve('wrangler/package.json')
    .replace(/package\.json$/, 'bin/wrangler.js')
  const configs = ['-c', 'wrangler.toml', '-c', 'examples/consumer/wrangler.toml']
  const address = ['--ip', HOST, '--port', String(flags.port), '--inspector-port', '0']
  return spawn(
    process.execPath,
    [wrangler, 'dev', ...configs, ...address, ...vars, '--show-interactive-dev-session=false'],
    {
      env: { ...process.env, ...wranglerEnv },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own: Wrangler starts others, and all of them are to end with it.
      detached: process.platform !== 'win32',
    },
  )
}

/** Whoever is gone already needs no signal. */
function signalAll({ pid }: ChildProcess, signal: NodeJS.Signals) {
  if (pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal)
  } catch {
    // it has ended by itself
  }
}

function printLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void) {
  const read = readable()
  createInterface({ input: stream }).on('line', (line) => {
    onLine(line)
    const text = read(line)
    if (text !== undefined) console.log(`${new Date().toLocaleTimeString('en-GB')}  ${text}`)
  })
}

function greet() {
  const origin = `http://${HOST}:${flags.port}`
  const { CALLBACK_PATH_TOKEN, API_TOKEN } = readDevVars()
  const path = CALLBACK_PATH_TOKEN ? '/zego/callback/<CALLBACK_PATH_TOKEN of .dev.vars>' : '/zego/callback'
  // Only the token that was made up here is fit to be shown.
  const token = firstOf(API_TOKEN) === 'dev-token' ? 'dev-token' : '<API_TOKEN of .dev.vars>'
  const flag = flags.port === 8787 ? '' : ` -- --url "${origin}${path}"`
  console.log(`
Ready.

  Callbacks       ${origin}${path}
  Dashboard       ${origin}/   (password: ${token})
  Send some       npm run simulate${flag}
  Read one        curl -H "authorization: Bearer ${token}" ${origin}/v1/snapshots/<task_id>
  From KV         npx wrangler kv key get <task_id> --binding RESULTS --local --text
${standIn ? aboutStandIn(standIn, origin, token) : ''}  Stop            Ctrl-C

What happens, line by line; "consumer" is the example in examples/consumer:
`)
}

/** One command that starts a task whose callback is lost: the sweep asks for it after two minutes. */
function aboutStandIn({ origin }: StandIn, receiver: string, token: string) {
  const task = { Vendor: 'Tencent', FileId: 'lecture+drop', Type: 'SampleSnapshot', Definition: 10 }
  return `  Lose one        curl -H "authorization: Bearer ${token}" -d '${JSON.stringify(task)}' ${receiver}/v1/snapshots
                  starts a task at a stand-in for ZEGOCLOUD that drops its callback: the receiver asks for it after
                  two minutes. Instead of +drop: +fail, +disagree, +forget, +too-frequent, +hang; see ${origin}/control
`
}

/** `wrangler dev` fires no cron by itself. A tick that fails is Wrangler reloading; the next one will do. */
const tick = () => void fetch(`http://${HOST}:${flags.port}/cdn-cgi/handler/scheduled`).catch(() => undefined)

const pictures = pictureServer()
await mustBeFree(flags.port)
await listen(pictures, flags.port + 1)
if (writeFirstDevVars()) console.log("Wrote .dev.vars: the CallbackSecret here is 'secret', the API token 'dev-token'.")
console.log('Starting ...')

let stopping = false
let isReady = false
const standIn = await startStandIn()
const wrangler = startWrangler(standIn?.vars ?? [])
process.on('exit', () => signalAll(wrangler, 'SIGKILL'))
printLines(wrangler.stderr, () => undefined)
printLines(wrangler.stdout, (line) => {
  if (isReady || !line.includes('Ready on http')) return
  isReady = true
  greet()
  setInterval(tick, CRON_MS)
})

function stop() {
  if (stopping) return
  stopping = true
  signalAll(wrangler, 'SIGTERM')
  setTimeout(() => process.exit(0), STOP_MS)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
// npm that is ended by a signal leaves behind what its shell has started.
const parent = process.ppid
if (process.env['npm_lifecycle_event']) setInterval(() => process.ppid === parent || stop(), PARENT_MS)
// `npm start | head`: nobody reads any more.
process.stdout.on('error', stop)

wrangler.on('exit', (status) => {
  if (!stopping) console.error(`start: wrangler dev has ended${status === null ? '' : ` with status ${status}`}`)
  process.exit(stopping ? 0 : 1)
})
