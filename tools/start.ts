/**
 * `npm start`: the receiver on this machine, with real local D1, KV and Queues, the example consumer beside it, and
 * sample pictures. It needs no account and no network.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { command, whole } from './lib/command.ts'
import { firstOf, prepareLocalSecrets, readLocalSecrets } from './lib/dev-vars.ts'
import { pictureServer } from './lib/pictures.ts'

const HOST = '127.0.0.1'
const USUAL_PORT = 8787
const CRON_MS = 60_000
const POLL_MS = 200

const { port } = command('start', 'Runs the receiver on this machine.')
  .option('--port <number>', 'on 127.0.0.1; the sample pictures are at the next port', whole(1, 65_534), USUAL_PORT)
  .parse()
  .opts()

process.chdir(join(import.meta.dirname, '..'))
const origin = `http://${HOST}:${port}`

/** Wrangler's own message about a port that is taken is a page long. */
async function listen(server: Server, wanted: number): Promise<void> {
  try {
    await once(server.listen(wanted, HOST), 'listening')
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    console.error(`start: port ${wanted} ${isTaken ? 'is taken' : `cannot be used (${String(error)})`}
Stop what listens there, or use two others: npm start -- --port ${port + 10}`)
    process.exit(1)
  }
}

async function mustBeFree(wanted: number) {
  const server = createServer()
  await listen(server, wanted)
  server.close()
  await once(server, 'close')
}

const WRANGLER_ENV = {
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  // Otherwise it fetches a placeholder for `request.cf` from the network.
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  // Otherwise it joins Workers and queues of the same name that run elsewhere on this machine.
  CLOUDFLARE_DEV_REGISTRY_PATH: join('.wrangler', 'registry'),
  WRANGLER_LOG_PATH: join('.wrangler', 'logs'),
}

function startWrangler() {
  const configs = ['-c', 'wrangler.toml', '-c', 'examples/consumer/wrangler.toml']
  const address = ['--ip', HOST, '--port', String(port), '--inspector-port', '0']
  const wrangler = createRequire(import.meta.url).resolve('wrangler')
  const options = [...configs, ...address, '--show-interactive-dev-session=false']
  return spawn(process.execPath, ['--no-warnings', wrangler, 'dev', ...options], {
    env: { ...process.env, ...WRANGLER_ENV },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

async function untilReady() {
  const answers = async () => (await fetch(`${origin}/healthz`).catch(() => undefined)) !== undefined
  while (!(await answers())) await sleep(POLL_MS)
}

function greet() {
  const { file, vars } = readLocalSecrets()
  const path = vars['CALLBACK_PATH_TOKEN'] ? `/zego/callback/<CALLBACK_PATH_TOKEN of ${file}>` : '/zego/callback'
  // Only the token that was made up here may be shown.
  const token = firstOf(vars['API_TOKEN']) === 'dev-token' ? 'dev-token' : `<API_TOKEN of ${file}>`
  const flag = port === USUAL_PORT ? '' : ` -- --url "${origin}${path}"`
  console.log(`
Ready.

  Callbacks       ${origin}${path}
  Dashboard       ${origin}/   (password: ${token})
  Send some       npm run simulate${flag}
  Read one        curl -H "authorization: Bearer ${token}" ${origin}/v1/snapshots/<task_id>
  From KV         npx wrangler kv key get <task_id> --binding RESULTS --local --text
  Stop            Ctrl-C
`)
}

await mustBeFree(port)
await listen(pictureServer(), port + 1)
for (const line of prepareLocalSecrets()) console.log(line)
accessSync('.', constants.W_OK) // Wrangler keeps its stores here
const wrangler = startWrangler()
let isStopping = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    isStopping = true
    wrangler.kill('SIGTERM')
  })
}
wrangler.on('exit', (status) => {
  if (!isStopping) console.error(`start: wrangler dev has ended${status === null ? '' : ` with status ${status}`}`)
  process.exit(isStopping ? 0 : 1)
})
await untilReady()
greet()
// `wrangler dev` fires no cron by itself. A request that fails means that Wrangler reloads; the next one will do.
setInterval(() => void fetch(`${origin}/cdn-cgi/handler/scheduled`).catch(() => undefined), CRON_MS)
