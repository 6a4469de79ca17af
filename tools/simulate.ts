/** `npm run simulate`: plays ZEGOCLOUD against any receiver, and says what became of every callback. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Option } from '@commander-js/extra-typings'
import { command, httpUrl, positive, whole } from './lib/command.ts'
import { callerOf, readLocalSecrets } from './lib/dev-vars.ts'
import { forgeriesFrom } from './zegocloud/forgeries.ts'
import { membersIn, wordIn } from './lib/members.ts'
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
  type RetryMode,
  retryModes,
  stamp,
} from './zegocloud/callback.ts'

const RETRY = 'what a retry carries: a new signature, or the same bytes'

const program = command('simulate', 'Plays ZEGOCLOUD against a receiver.')
  .option('--url <url>', 'the whole URL, with /zego/callback (default: the receiver of `npm start`)', httpUrl)
  .option('--secret <text>', 'the CallbackSecret (default: from the environment, .dev.vars or .env, or "secret")')
  .option('--count <number>', 'how many tasks', whole(1), 20)
  .option('--rate <number>', 'how many tasks a second', positive, 20)
  .addOption(new Option('--encoding <name>', 'how the bodies look').choices(['mixed', ...encodings]).default('mixed'))
  .addOption(new Option('--retry <mode>', RETRY).choices(retryModes).default('re-signed'))
  .option('--time-scale <factor>', "on ZEGOCLOUD's schedule of 2, 4, 8, 16, 32 s", positive, 1)
  .option('--duplicates <number>', 'how often each acknowledged callback is sent again, all at once', whole(), 0)
  .option('--forge', 'also send forgeries; each must be refused')
  .parse()

const options = program.opts()
const local = readLocalSecrets().vars
const setting = options.secret ?? process.env['ZEGO_CALLBACK_SECRET'] ?? local['ZEGO_CALLBACK_SECRET'] ?? 'secret'
const caller = callerOf({ ...local, ZEGO_CALLBACK_SECRET: setting })
const { appid, secret = program.error('error: ZEGO_CALLBACK_SECRET cannot be read') } = caller
const target = new URL(options.url ?? `http://127.0.0.1:8787${caller.path}`)

/** `npm start` serves the sample pictures at the port after its own. */
const picturesAt = `http://127.0.0.1:${target.hostname === '127.0.0.1' && target.port ? Number(target.port) + 1 : 8788}`

/** What came of it. */
const tally = { delivered: 0, duplicates: 0, lost: 0, forged: 0, refused: 0, answers: [] as Answer[] }
let lastFailure = ''
let sample: string | undefined

const encodingOf = (index: number): Encoding =>
  options.encoding === 'mixed' ? (encodings[index % encodings.length] ?? 'json') : options.encoding

/** One callback until it is acknowledged or lost. */
async function play(callback: Callback, encoding: Encoding, retry: RetryMode = options.retry) {
  const onAnswer = (answer: Answer) => {
    tally.answers.push(answer)
    if (isSuccess(answer)) return
    if (lastFailure === '') console.log(`A first attempt failed: ${nameOf(answer)}. It is retried for 62 s.`)
    lastFailure = nameOf(answer)
  }
  const delivery = await deliver(target, callback, { secret, encoding, retry, timeScale: options.timeScale, onAnswer })
  if (!delivery.delivered) tally.lost += 1
  return delivery
}

/** One task, of which one in four is Huawei Cloud's: its callback, then what follows once it was acknowledged. */
async function playTask(index: number) {
  const callback = callbackFor({ secret, appid, vendor: index % 4 === 3 ? 'hw' : 'tencent', picturesAt })
  const { delivered, answers, last } = await play(callback, encodingOf(index))
  if (!delivered) return
  tally.delivered += 1
  sample ??= callback.task_id
  await Promise.all(Array.from({ length: options.duplicates }, (_, copy) => playDuplicate(last, index, copy)))
  // Until a receiver that answered 202 has settled the callback, it cannot know that its signature was used.
  if (options.forge && answers.at(-1)?.status === 200) await playForgeries(last)
}

/** By turns newly signed (and, when mixed, in another encoding) and byte for byte the same. */
async function playDuplicate(acknowledged: Callback, index: number, copy: number) {
  const isNew = copy % 2 === 0
  const { delivered } = isNew
    ? await play({ ...acknowledged, ...stamp(secret) }, encodingOf(index + copy + 1), 're-signed')
    : await play(acknowledged, encodingOf(index), 'repeated')
  if (delivered) tally.duplicates += 1
}

/** Each is sent once, because a forger follows no schedule. */
async function playForgeries(captured: Callback) {
  for (const [kind, forged] of forgeriesFrom(captured, secret)) {
    const answer = await post(target, encode(forged, 'json'))
    tally.answers.push(answer)
    tally.forged += 1
    if (!isSuccess(answer)) tally.refused += 1
    else console.log(`TAKEN ${kind}: answered ${nameOf(answer)}, task_id ${String(forged['task_id'])}`)
  }
}

/** The status, and the receiver's own word for it. */
function nameOf({ status, text }: Answer): string {
  if (status === null) return `no answer (${text})`
  return `${status} ${wordIn(membersIn(text))?.slice(0, 60) ?? ''}`.trim()
}

function report() {
  const { delivered, duplicates, lost, forged, refused, answers } = tally
  const names = Object.entries(Object.groupBy(answers, nameOf)).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const rows = [
    ['delivered', delivered],
    ['duplicates', duplicates],
    ['refused', forged ? `${refused} of ${forged} forgeries` : '0 (no forgeries sent)'],
    ['lost', lost],
    ['attempts', answers.length],
    ['', ''],
    ...names.map(([name, group]) => [name, group?.length]),
  ]
  const width = Math.max(...rows.map(([name]) => String(name).length)) + 2
  console.log(`\n${options.count} tasks to ${target.origin}\n`)
  for (const [name, value] of rows) console.log(`  ${String(name).padEnd(width)}${value}`.trimEnd())
  if (lost > 0) console.log(`\n  LOST; the last answer was ${lastFailure}. \`npm run doctor -- <url>\` says why.`)
  if (sample === undefined) return
  // Only the token that `npm start` itself makes up may be shown.
  const token = local['API_TOKEN'] === 'dev-token' ? 'dev-token' : '$API_TOKEN'
  console.log(`\nOne of them: ${sample}`)
  console.log(`  curl -H "authorization: Bearer ${token}" ${target.origin}/v1/snapshots/${encodeURIComponent(sample)}`)
}

const began = performance.now()
const tasks: Promise<void>[] = []
for (let index = 0; index < options.count; index += 1) {
  await sleep(Math.max(0, began + (index * 1000) / options.rate - performance.now()))
  tasks.push(playTask(index))
}
await Promise.all(tasks)
report()
process.exitCode = tally.lost > 0 || tally.refused < tally.forged ? 1 : 0
