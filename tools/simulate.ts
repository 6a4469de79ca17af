/** `npm run simulate`: plays ZEGOCLOUD against any receiver, and says what became of every callback. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { firstAppid, firstOf, readDevVars } from './dev-vars.ts'
import { flagsOrExit, oneOf, positive, present, text, url, whole } from './flags.ts'
import { forge, forgeries, resplittableStamp, type Forgery } from './forgeries.ts'
import { nameOf, Tally } from './tally.ts'
import {
  RETRY_SECONDS,
  callbackFor,
  deliver,
  encode,
  encodings,
  isSuccess,
  post,
  retryModes,
  stamp,
  vendors,
  type Callback,
  type Encoding,
  type RetryMode,
} from './zegocloud.ts'

const flags = flagsOrExit('simulate', 'npm run simulate -- [flags]   Plays ZEGOCLOUD against a receiver.', {
  url: url('the whole URL, with /zego/callback; without it, the receiver of `npm start`', undefined),
  secret: text(
    'the CallbackSecret; without it, that of the environment, of .dev.vars, or "secret"',
    'a text',
    undefined,
  ),
  appid: text('the app', 'an appid', undefined),
  count: whole('how many tasks', 20, { from: 1 }),
  rate: positive('how many tasks a second', 20),
  encoding: oneOf('how the bodies look', ['mixed', ...encodings], 'mixed'),
  vendor: oneOf('whose task ids and fields', ['mixed', ...vendors], 'mixed'),
  pictures: whole('screenshots of a task', 3, { to: 10_000 }),
  'picture-url': url('where the screenshots are; without it, the sample pictures of `npm start`', undefined),
  retry: oneOf('what a retry carries: a new signature, or the same bytes', retryModes, 're-signed'),
  'time-scale': positive("factor on ZEGOCLOUD's schedule of 2, 4, 8, 16, 32 s", 1),
  duplicates: whole('how often each acknowledged callback is sent again, all at once', 0),
  forge: present('also sends forgeries; each must be refused'),
})

const devVars = readDevVars()
const secretSetting = flags.secret ?? process.env['ZEGO_CALLBACK_SECRET'] ?? devVars['ZEGO_CALLBACK_SECRET'] ?? 'secret'
const appid = flags.appid ?? firstAppid(secretSetting) ?? '12345'
const secret = firstOf(secretSetting, appid) ?? exitWith(2, `no CallbackSecret is set for appid ${appid}`)

const pathToken = firstOf(devVars['CALLBACK_PATH_TOKEN'])
const localUrl = `http://127.0.0.1:8787/zego/callback${pathToken ? `/${encodeURIComponent(pathToken)}` : ''}`
const target = new URL(flags.url ?? localUrl)

/** `npm start` serves the sample pictures at the port after its own. */
const isLocal = ['127.0.0.1', 'localhost'].includes(target.hostname) && target.port !== ''
const picturesAt = flags['picture-url'] ?? `http://127.0.0.1:${isLocal ? Number(target.port) + 1 : 8788}`

const tally = new Tally()
let waiting = 0
let lastFailure = ''
let sample: string | undefined

function exitWith(status: number, message: string): never {
  console.error(`simulate: ${message}`)
  process.exit(status)
}

/** A receiver that is not there is told of at once, not after a minute of retries. */
async function mustListen() {
  const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80)
  const socket = connect({ host: target.hostname.replace(/^\[|\]$/g, ''), port })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(5000) })
  } catch {
    exitWith(1, `nothing answers at ${target.host}: is \`npm start\` running?`)
  } finally {
    socket.destroy()
  }
}

const encodingOf = (index: number): Encoding =>
  flags.encoding === 'mixed' ? (encodings[index % encodings.length] ?? 'json') : flags.encoding

/** Mixed: one task in four is Huawei Cloud's. */
const vendorOf = (index: number) => (flags.vendor === 'mixed' ? (index % 4 === 3 ? 'hw' : 'tencent') : flags.vendor)

/** One callback until it is acknowledged or lost. */
async function play(callback: Callback, encoding: Encoding, retry: RetryMode = flags.retry) {
  let isWaiting = false
  const delivery = await deliver(target, callback, {
    secret,
    encoding,
    retry,
    timeScale: flags['time-scale'],
    onAnswer: (answer) => {
      tally.count(answer)
      if (!isSuccess(answer)) lastFailure = nameOf(answer)
      if (isWaiting === isSuccess(answer)) waiting += isWaiting ? -1 : 1
      isWaiting = !isSuccess(answer)
    },
  })
  if (isWaiting) waiting -= 1
  if (!delivery.delivered) tally.lost += 1
  return delivery
}

/** One task: its callback, then what follows once it was acknowledged. */
async function playTask(index: number) {
  const callback = callbackFor({
    secret,
    appid,
    vendor: vendorOf(index),
    pictures: flags.pictures,
    picturesAt,
    stamped: flags.forge ? resplittableStamp(secret) : stamp(secret),
  })
  const { delivered, answers, last } = await play(callback, encodingOf(index))
  if (!delivered) return
  tally.delivered += 1
  sample ??= callback.task_id
  await Promise.all(Array.from({ length: flags.duplicates }, (_, copy) => playDuplicate(last, index, copy)))
  // Until a receiver that answered 202 has settled the callback, it cannot know that its signature was used.
  if (flags.forge && answers.at(-1)?.status === 200) for (const kind of forgeries) await playForgery(kind, last)
}

/** By turns re-signed (and, when mixed, in another encoding) and byte for byte the same. */
async function playDuplicate(acknowledged: Callback, index: number, copy: number) {
  const { delivered } =
    copy % 2 === 0
      ? await play({ ...acknowledged, ...stamp(secret) }, encodingOf(index + copy + 1), 're-signed')
      : await play(acknowledged, encodingOf(index), 'repeated')
  if (delivered) tally.duplicates += 1
}

/** Sent once: whoever forges follows no schedule. */
async function playForgery(kind: Forgery, captured: Callback) {
  const forged = forge(kind, captured, secret)
  if (!forged) return
  const answer = await post(target, encode(forged, 'json'))
  tally.count(answer)
  tally.forged += 1
  if (answer.status === 401 || answer.status === 409) tally.refused += 1
  if (isSuccess(answer)) tally.taken.push(`${kind}: answered ${nameOf(answer)}, task_id ${String(forged['task_id'])}`)
}

/** One line, rewritten in a terminal; a line every few seconds elsewhere. */
function showProgress() {
  const { isTTY, columns } = process.stdout
  const retries = waiting ? `, ${waiting} waiting for a retry after ${lastFailure}` : ''
  const line = `${tally.delivered} of ${flags.count} delivered, ${tally.attempts} attempts${retries}`
  process.stdout.write(isTTY ? `\r\u001B[K${line.slice(0, columns - 1)}` : `${line}\n`)
}

function endProgress() {
  clearInterval(progress)
  if (process.stdout.isTTY) process.stdout.write('\r\u001B[K')
}

const NO_PATH = '--url has no path; the receiver takes callbacks at /zego/callback'

/** What usually is the matter when everything was refused with this code. */
const hints: Record<string, string> = {
  bad_signature: "the secret here is not the receiver's ZEGO_CALLBACK_SECRET (--secret, or .dev.vars)",
  unknown_app: "this appid is not among those of the receiver's ZEGO_CALLBACK_SECRET (--appid)",
  not_configured: 'the receiver has no usable ZEGO_CALLBACK_SECRET',
  not_found: 'the receiver wants its CALLBACK_PATH_TOKEN at the end of --url, or the path is another one',
  stale: "this machine's clock and the receiver's differ",
}

function report() {
  console.log(`\n${flags.count} tasks to ${target.origin}, encoding ${flags.encoding}, retries ${flags.retry}\n`)
  console.log(tally.table())
  if (tally.taken.length) console.log(['', ...tally.taken].map((line) => line && `  TAKEN ${line}`).join('\n'))
  if (tally.lost) {
    const hint = target.pathname === '/' ? NO_PATH : hints[lastFailure.split(' ')[1] ?? '']
    console.log(
      `\n  LOST after ${RETRY_SECONDS.length} retries; the last answer was ${lastFailure}${hint ? `: ${hint}` : ''}`,
    )
  }
  if (sample === undefined) return
  // Only the token that `npm start` itself makes up is fit to be shown.
  const token = firstOf(devVars['API_TOKEN']) === 'dev-token' ? 'dev-token' : '$API_TOKEN'
  console.log(`\nOne of them: ${sample}`)
  console.log(`  curl -H "authorization: Bearer ${token}" ${target.origin}/v1/snapshots/${encodeURIComponent(sample)}`)
}

await mustListen()
const progress = setInterval(showProgress, process.stdout.isTTY ? 200 : 5000)
const began = performance.now()
const tasks: Promise<void>[] = []
for (let index = 0; index < flags.count; index += 1) {
  await sleep(Math.max(0, began + (index * 1000) / flags.rate - performance.now()))
  tasks.push(playTask(index))
}
await Promise.all(tasks)
endProgress()
report()
process.exitCode = tally.lost || tally.taken.length ? 1 : 0
