/** `npm run simulate`: plays ZEGOCLOUD against any receiver, and says what became of every callback. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Option } from '@commander-js/extra-typings'
import { command, httpUrl, positive, whole } from './lib/command.ts'
import { firstAppid, firstOf, readLocalSecrets } from './lib/dev-vars.ts'
import { forge, forgeries, resplittableStamp, type Forgery } from './zegocloud/forgeries.ts'
import { membersIn, wordIn } from './lib/members.ts'
import { percentile } from './lib/stats.ts'
import {
  type Answer,
  type Callback,
  callbackFor,
  deliver,
  encode,
  type Encoding,
  encodings,
  isSuccess,
  post,
  RETRY_SECONDS,
  type RetryMode,
  retryModes,
  stamp,
  vendors,
} from './zegocloud/callback.ts'

const RETRY = 'what a retry carries: a new signature, or the same bytes'

const program = command('simulate', 'Plays ZEGOCLOUD against a receiver.')
  .option('--url <url>', 'the whole URL, with /zego/callback (default: the receiver of `npm start`)', httpUrl)
  .option('--secret <text>', 'the CallbackSecret (default: from the environment, .dev.vars or .env, or "secret")')
  .option('--appid <appid>', 'the app (default: the first one of the secret, or 12345)')
  .option('--count <number>', 'how many tasks', whole(1), 20)
  .option('--rate <number>', 'how many tasks a second', positive, 20)
  .addOption(new Option('--encoding <name>', 'how the bodies look').choices(['mixed', ...encodings]).default('mixed'))
  .addOption(new Option('--vendor <name>', 'whose task ids').choices(['mixed', ...vendors]).default('mixed'))
  .option('--pictures <number>', 'how many screenshots a task has', whole(0, 10_000), 3)
  .option('--picture-url <url>', 'where they are (default: the sample pictures of `npm start`)', httpUrl)
  .addOption(new Option('--retry <mode>', RETRY).choices(retryModes).default('re-signed'))
  .option('--time-scale <factor>', "on ZEGOCLOUD's schedule of 2, 4, 8, 16, 32 s", positive, 1)
  .option('--duplicates <number>', 'how often each acknowledged callback is sent again, all at once', whole(), 0)
  .option('--forge', 'also send forgeries; each must be refused')
  .parse()

const options = program.opts()
const { encoding, vendor, retry } = options
const local = readLocalSecrets().vars
const setting = options.secret ?? process.env['ZEGO_CALLBACK_SECRET'] ?? local['ZEGO_CALLBACK_SECRET'] ?? 'secret'
const appid = options.appid ?? firstAppid(setting) ?? '12345'
const secret = firstOf(setting, appid) ?? program.error(`error: no CallbackSecret is set for appid ${appid}`)

const pathToken = firstOf(local['CALLBACK_PATH_TOKEN'])
const localUrl = `http://127.0.0.1:8787/zego/callback${pathToken ? `/${encodeURIComponent(pathToken)}` : ''}`
const target = new URL(options.url ?? localUrl)

/** `npm start` serves the sample pictures at the port after its own. */
const isLocal = ['127.0.0.1', 'localhost'].includes(target.hostname) && target.port !== ''
const picturesAt = options.pictureUrl ?? `http://127.0.0.1:${isLocal ? Number(target.port) + 1 : 8788}`

/** What came of it: counted while it runs, shown as a table at its end. */
const tally = {
  delivered: 0,
  duplicates: 0,
  lost: 0,
  forged: 0,
  refused: 0,
  /** A line for each forgery that was answered 2XX. */
  taken: [] as string[],
  answers: [] as Answer[],
}
/** Callbacks of which the last attempt failed. */
const waiting = new Set<Callback>()
let lastFailure = ''
let sample: string | undefined

/** Without it, a receiver that is not there would be noticed only after a minute of retries. */
async function mustListen() {
  const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80)
  const socket = connect({ host: target.hostname.replace(/^\[|\]$/g, ''), port })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(5000) })
  } catch {
    console.error(`simulate: nothing answers at ${target.host}: is \`npm start\` running?`)
    process.exit(1)
  } finally {
    socket.destroy()
  }
}

const encodingOf = (index: number): Encoding =>
  encoding === 'mixed' ? (encodings[index % encodings.length] ?? 'json') : encoding

/** Mixed: one task in four is Huawei Cloud's. */
const vendorOf = (index: number) => (vendor === 'mixed' ? (index % 4 === 3 ? 'hw' : 'tencent') : vendor)

/** One callback until it is acknowledged or lost. */
async function play(callback: Callback, encoded: Encoding, retried: RetryMode = retry) {
  const onAnswer = (answer: Answer) => {
    tally.answers.push(answer)
    if (isSuccess(answer)) return
    lastFailure = nameOf(answer)
    waiting.add(callback)
  }
  const how = { secret, encoding: encoded, retry: retried, timeScale: options.timeScale, onAnswer }
  const delivery = await deliver(target, callback, how)
  waiting.delete(callback)
  if (!delivery.delivered) tally.lost += 1
  return delivery
}

/** One task: its callback, then what follows once it was acknowledged. */
async function playTask(index: number) {
  const stamped = options.forge ? resplittableStamp(secret) : stamp(secret)
  const task = { vendor: vendorOf(index), pictures: options.pictures, picturesAt }
  const callback = callbackFor({ secret, appid, stamped, ...task })
  const { delivered, answers, last } = await play(callback, encodingOf(index))
  if (!delivered) return
  tally.delivered += 1
  sample ??= callback.task_id
  await Promise.all(Array.from({ length: options.duplicates }, (_, copy) => playDuplicate(last, index, copy)))
  // Until a receiver that answered 202 has settled the callback, it cannot know that its signature was used.
  if (options.forge && answers.at(-1)?.status === 200) for (const kind of forgeries) await playForgery(kind, last)
}

/** By turns newly signed (and, when mixed, in another encoding) and byte for byte the same. */
async function playDuplicate(acknowledged: Callback, index: number, copy: number) {
  const isNew = copy % 2 === 0
  const { delivered } = isNew
    ? await play({ ...acknowledged, ...stamp(secret) }, encodingOf(index + copy + 1), 're-signed')
    : await play(acknowledged, encodingOf(index), 'repeated')
  if (delivered) tally.duplicates += 1
}

/** Sent once, because a forger follows no schedule. */
async function playForgery(kind: Forgery, captured: Callback) {
  const forged = forge(kind, captured, secret)
  if (!forged) return
  const answer = await post(target, encode(forged, 'json'))
  tally.answers.push(answer)
  tally.forged += 1
  if (answer.status === 401 || answer.status === 409) tally.refused += 1
  if (isSuccess(answer)) tally.taken.push(`${kind}: answered ${nameOf(answer)}, task_id ${String(forged['task_id'])}`)
}

/** One line, rewritten in a terminal; a line every few seconds elsewhere. */
function showProgress() {
  const { isTTY, columns } = process.stdout
  const retries = waiting.size > 0 ? `, ${waiting.size} waiting for a retry after ${lastFailure}` : ''
  const line = `${tally.delivered} of ${options.count} delivered, ${tally.answers.length} attempts${retries}`
  process.stdout.write(isTTY ? `\r\u001B[K${line.slice(0, columns - 1)}` : `${line}\n`)
}

function endProgress() {
  clearInterval(progress)
  if (process.stdout.isTTY) process.stdout.write('\r\u001B[K')
}

/** The usual reason when everything was refused with this code. */
const HINTS: Record<string, string> = {
  bad_signature: "the secret here is not the receiver's ZEGO_CALLBACK_SECRET (--secret, or .dev.vars)",
  unknown_app: "this appid is not among those of the receiver's ZEGO_CALLBACK_SECRET (--appid)",
  not_configured: 'the receiver has no usable ZEGO_CALLBACK_SECRET',
  not_found: 'the receiver requires its CALLBACK_PATH_TOKEN at the end of --url, or the path is wrong',
  stale: "this machine's clock and the receiver's differ",
}
const NO_PATH = '--url has no path; the receiver takes callbacks at /zego/callback'

function report() {
  console.log(`\n${options.count} tasks to ${target.origin}, encoding ${encoding}, retries ${retry}\n`)
  console.log(table())
  if (tally.taken.length > 0) console.log(`\n${tally.taken.map((line) => `  TAKEN ${line}`).join('\n')}`)
  if (tally.lost > 0) {
    const hint = target.pathname === '/' ? NO_PATH : HINTS[lastFailure.split(' ')[1] ?? '']
    const last = `the last answer was ${lastFailure}${hint ? `: ${hint}` : ''}`
    console.log(`\n  LOST after ${RETRY_SECONDS.length} retries; ${last}`)
  }
  if (sample === undefined) return
  // Only the token that `npm start` itself makes up may be shown.
  const token = firstOf(local['API_TOKEN']) === 'dev-token' ? 'dev-token' : '$API_TOKEN'
  console.log(`\nOne of them: ${sample}`)
  console.log(`  curl -H "authorization: Bearer ${token}" ${target.origin}/v1/snapshots/${encodeURIComponent(sample)}`)
}

/** The status, and the receiver's own word for it. */
function nameOf({ status, text }: Answer): string {
  if (status === null) return `no answer (${text})`
  const word = wordIn(membersIn(text))?.slice(0, 60)
  return word === undefined ? String(status) : `${status} ${word}`
}

function table() {
  const { delivered, duplicates, lost, forged, refused, answers } = tally
  const names = Object.entries(Object.groupBy(answers, nameOf)).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const rows = [
    ['delivered', delivered],
    ['duplicates', duplicates],
    ['refused', forged ? `${refused} of ${forged} forgeries` : '0 (no forgeries sent)'],
    ['lost', lost],
    ['attempts', answers.length],
    ['latency', latency(answers)],
    ['', ''],
    ...names.map(([name, group]) => [name, group?.length]),
  ]
  const width = Math.max(...rows.map(([name]) => String(name).length)) + 2
  return rows.map(([name, value]) => `  ${String(name).padEnd(width)}${value}`.trimEnd()).join('\n')
}

function latency(answers: readonly Answer[]): string {
  const times = answers.filter(({ status }) => status !== null).map(({ ms }) => ms)
  if (times.length === 0) return 'no answer'
  const shown = (ms: number) => `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
  const parts = [50, 95, 99].map((percent) => `p${percent} ${shown(percentile(times, percent / 100))}`)
  return [...parts, `max ${shown(Math.max(...times))}`].join('  ')
}

await mustListen()
const progress = setInterval(showProgress, process.stdout.isTTY ? 200 : 5000)
const began = performance.now()
const tasks: Promise<void>[] = []
for (let index = 0; index < options.count; index += 1) {
  await sleep(Math.max(0, began + (index * 1000) / options.rate - performance.now()))
  tasks.push(playTask(index))
}
await Promise.all(tasks)
endProgress()
report()
process.exitCode = tally.lost > 0 || tally.taken.length > 0 ? 1 : 0
