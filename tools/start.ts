/**
 * `npm start`: the receiver on this machine, with real local D1, KV and Queues, the example consumer beside it, and
 * sample pictures. It needs no account and no network.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { command, whole } from './lib/command.ts'
import { firstAppid, firstOf, prepareLocalSecrets, readLocalSecrets } from './lib/dev-vars.ts'
import { pictureServer } from './lib/pictures.ts'
import { alertServer } from './start/alerts.ts'
import { findOther } from './start/alone.ts'
import { print, startWrangler } from './start/wrangler.ts'
import { zegoApi } from './zegocloud/server-api.ts'

const HOST = '127.0.0.1'
const USUAL_PORT = 8787
const CRON_MS = 60_000
/** Wrangler gets this long to write its local stores. */
const STOP_MS = 5_000
const PARENT_MS = 500

const { port } = command('start', 'Runs the receiver on this machine.')
  .option('--port <number>', 'on 127.0.0.1; the sample pictures are at the next port', whole(1, 65_534), USUAL_PORT)
  .parse()
  .opts()

const root = join(import.meta.dirname, '..')
process.chdir(root)
const origin = `http://${HOST}:${port}`
const picturesAt = `http://${HOST}:${port + 1}`

function fail(what: string, remedy: string): never {
  console.error(`start: ${what}\n${remedy}`)
  process.exit(1)
}

/** Wrangler's own message about a port that is taken is a page long. */
async function listen(server: Server, wanted: number) {
  try {
    await once(server.listen(wanted, HOST), 'listening')
    return (server.address() as AddressInfo).port
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    const what = `port ${wanted} ${isTaken ? 'is taken' : `cannot be used (${String(error)})`}`
    return fail(what, `Stop what listens there, or use two others: npm start -- --port ${port + 10}`)
  }
}

async function mustBeFree(wanted: number) {
  const server = createServer()
  await listen(server, wanted)
  server.close()
  await once(server, 'close')
}

/** ZEGOCLOUD's server API, played here while there is no real ServerSecret; its settings are in no file. */
async function startStandIn(): Promise<{ origin: string; vars: Record<string, string> } | undefined> {
  const { ZEGO_SERVER_SECRET, ZEGO_CALLBACK_SECRET, CALLBACK_PATH_TOKEN } = readLocalSecrets().vars
  const appid = firstAppid(ZEGO_CALLBACK_SECRET) ?? '12345'
  const callbackSecret = firstOf(ZEGO_CALLBACK_SECRET, appid)
  if (ZEGO_SERVER_SECRET?.trim() || callbackSecret === undefined) return undefined
  const serverSecrets = { [appid]: randomBytes(16).toString('hex') }
  const token = firstOf(CALLBACK_PATH_TOKEN)
  const callbackUrl = `${origin}/zego/callback${token ? `/${encodeURIComponent(token)}` : ''}`
  const { server } = zegoApi({ serverSecrets, callbackUrl, callbackSecret, picturesAt })
  const standIn = `http://${HOST}:${await listen(server, 0)}`
  return { origin: standIn, vars: { ZEGO_API_URL: `${standIn}/`, ZEGO_SERVER_SECRET: JSON.stringify(serverSecrets) } }
}

/** Alerts are printed here, unless the developer has a target of their own. */
async function alertTarget(): Promise<Record<string, string>> {
  if (readLocalSecrets().vars['ALERT_URL']?.trim()) return {}
  return { ALERT_URL: `http://${HOST}:${await listen(alertServer(print), 0)}/` }
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
${standIn ? aboutStandIn(standIn.origin, token) : ''}  Stop            Ctrl-C

What happens, line by line; "consumer" is the example in examples/consumer, "alert" what ALERT_URL would get:
`)
}

/** One command that starts a task whose callback is lost: the poll finds it after two minutes. */
function aboutStandIn(standInOrigin: string, token: string) {
  const task = { Vendor: 'Tencent', FileId: 'lecture+drop', Type: 'SampleSnapshot', Definition: 10 }
  return `  Lose one        curl -H "authorization: Bearer ${token}" -d '${JSON.stringify(task)}' ${origin}/v1/snapshots
                  starts a task at a stand-in for ZEGOCLOUD that drops its callback: the receiver asks for it after
                  two minutes. Instead of +drop: +fail, +disagree, +forget, +too-frequent, +hang; see ${standInOrigin}/control
`
}

/** `wrangler dev` fires no cron by itself. A request that fails means that Wrangler reloads; the next one will do. */
const fireCron = () => void fetch(`${origin}/cdn-cgi/handler/scheduled`).catch(() => undefined)

const other = await findOther(root, `${origin} (process ${process.pid})`)
if (other !== undefined) {
  fail(
    `it already runs in this directory, at ${other}`,
    'Both would write the same local stores in .wrangler. Stop that one first, or start from another clone.',
  )
}
await mustBeFree(port)
await listen(pictureServer(), port + 1)
for (const line of prepareLocalSecrets()) console.log(line)
console.log('Starting ...')

let isStopping = false
const standIn = await startStandIn()
const wrangler = startWrangler(HOST, port, { ...standIn?.vars, ...(await alertTarget()) }, () => {
  greet()
  setInterval(fireCron, CRON_MS)
})
wrangler.on('exit', (status) => {
  if (!isStopping) console.error(`start: wrangler dev has ended${status === null ? '' : ` with status ${status}`}`)
  process.exit(isStopping ? 0 : 1)
})

function stop() {
  if (isStopping) return
  isStopping = true
  wrangler.kill()
  setTimeout(() => process.exit(0), STOP_MS)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
// npm that is ended by a signal leaves behind what its shell has started.
const parent = process.ppid
if (process.env['npm_lifecycle_event']) setInterval(() => process.ppid === parent || stop(), PARENT_MS)
// `npm start | head`: nobody reads any more.
process.stdout.on('error', stop)
