/**
 * `npm start`: the receiver on this machine, with real local D1, KV and Queues, the example consumer beside it, and
 * sample pictures. It needs no account and no network.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { command, whole } from './lib/command.ts'
import { callerOf, prepareLocalSecrets, readLocalSecrets } from './lib/dev-vars.ts'
import { pictureServer } from './lib/pictures.ts'
import { serverApi } from './zegocloud/server-api.ts'

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
async function listen(server: Server, wanted: number): Promise<number> {
  try {
    await once(server.listen(wanted, HOST), 'listening')
    return (server.address() as AddressInfo).port
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

/** ZEGOCLOUD's server API, played here while there is no real ServerSecret; its settings are in no file. */
async function startServerApi(): Promise<Record<string, string>> {
  const { vars } = readLocalSecrets()
  const { appid, secret: callbackSecret, path } = callerOf(vars)
  if (vars['ZEGO_SERVER_SECRET']?.trim() || callbackSecret === undefined) return {}
  const serverSecrets = { [appid]: randomBytes(16).toString('hex') }
  const callbackUrl = origin + path
  const { server } = serverApi({ serverSecrets, callbackUrl, callbackSecret, picturesAt: `http://${HOST}:${port + 1}` })
  const ZEGO_API_URL = `http://${HOST}:${await listen(server, 0)}/`
  return { ZEGO_API_URL, ZEGO_SERVER_SECRET: JSON.stringify(serverSecrets) }
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

function startWrangler(vars: Record<string, string>) {
  const configs = ['-c', 'wrangler.toml', '-c', 'examples/consumer/wrangler.toml']
  const address = ['--ip', HOST, '--port', String(port), '--inspector-port', '0']
  const settings = Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`])
  const wrangler = createRequire(import.meta.url).resolve('wrangler')
  const options = [...configs, ...address, ...settings, '--show-interactive-dev-session=false']
  return spawn(process.execPath, ['--no-warnings', wrangler, 'dev', ...options], {
    env: { ...process.env, ...WRANGLER_ENV },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

async function untilReady() {
  const answers = async () => (await fetch(`${origin}/healthz`).catch(() => undefined)) !== undefined
  while (!(await answers())) await sleep(POLL_MS)
}

function greet(hasServerApi: boolean) {
  const { file, vars } = readLocalSecrets()
  const path = vars['CALLBACK_PATH_TOKEN'] ? `/zego/callback/<CALLBACK_PATH_TOKEN of ${file}>` : '/zego/callback'
  // Only the token that was made up here may be shown.
  const token = vars['API_TOKEN'] === 'dev-token' ? 'dev-token' : `<API_TOKEN of ${file}>`
  const flag = port === USUAL_PORT ? '' : ` -- --url "${origin}${path}"`
  console.log(`
Ready.

  Callbacks       ${origin}${path}
  Dashboard       ${origin}/   (password: ${token})
  Send some       npm run simulate${flag}
  Read one        curl -H "authorization: Bearer ${token}" ${origin}/v1/snapshots/<task_id>
  From KV         npx wrangler kv key get <task_id> --binding RESULTS --local --text
${hasServerApi ? aboutServerApi(token) : ''}  Stop            Ctrl-C
`)
}

/** One command that starts a task whose callback is lost: the poll finds it after two minutes. */
function aboutServerApi(token: string) {
  const task = { Vendor: 'Tencent', FileId: 'lecture+drop', Type: 'SampleSnapshot', Definition: 10 }
  return `  Lose one        curl -H "authorization: Bearer ${token}" -d '${JSON.stringify(task)}' ${origin}/v1/snapshots
                  starts a task at a stand-in for ZEGOCLOUD that drops its callback: the receiver asks for it after
                  two minutes. Instead of +drop: +fail, +disagree, +forget
`
}

await mustBeFree(port)
await listen(pictureServer(), port + 1)
for (const line of prepareLocalSecrets()) console.log(line)
accessSync('.', constants.W_OK) // Wrangler keeps its stores here
const vars = await startServerApi()
const wrangler = startWrangler(vars)
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
greet('ZEGO_API_URL' in vars)
// `wrangler dev` fires no cron by itself. A request that fails means that Wrangler reloads; the next one will do.
setInterval(() => void fetch(`${origin}/cdn-cgi/handler/scheduled`).catch(() => undefined), CRON_MS)
