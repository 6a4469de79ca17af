/**
 * `npm run rehearse`: the built Worker in workerd, with real local stores that fail in every way we can think of, while
 * ZEGOCLOUD sends. It ends with a table; what is lost is counted in the stores.
 */
import { flagsOrExit, oneOf, positive, present, whole } from './flags.ts'
import { keepStoresInMemory } from './memory.ts'
import { faults, type Fault } from './rehearsal/faults.ts'
import { build } from './rehearsal/build.ts'
import { startReceiver } from './rehearsal/receiver.ts'
import { playRow, type Pace, type Played } from './rehearsal/row.ts'
import { watchStandstill } from './rehearsal/standstill.ts'
import { table } from './rehearsal/table.ts'
import { violations } from './rehearsal/verdict.ts'

const flags = flagsOrExit('rehearse', 'npm run rehearse -- [flags]   Lets every store fail while callbacks come in.', {
  fault: oneOf('which fault', ['all', ...faults.map(({ name }) => name)], 'all'),
  list: present('says what each fault is'),
  'real-time': present("at ZEGOCLOUD's own schedule and its ceiling of 20 tasks a second; each answer within 5 s"),
  tasks: whole('how many tasks a fault, unless in real time', 40, { from: 10 }),
  'time-scale': positive("factor on the schedule and on the Worker's own time, unless in real time", 0.1),
  parallel: whole('how many faults at a time', 3, { from: 1, to: 16 }),
  verbose: present('shows what the Worker logs'),
})

/** An answer waits for one store after another, each up to its deadline; the rest of 5 s is for everything else. */
const ANSWER_MS = 5_000
/** ZEGOCLOUD lets an app start 20 tasks a second. */
const CEILING_PER_SECOND = 20
/** A faster clock would leave what is signed here behind the Worker's tolerance. */
const SMALLEST_SCALE = 0.05

if (flags.list) {
  const width = Math.max(...faults.map(({ name }) => name.length)) + 2
  for (const { name, about } of faults) console.log(`  ${name.padEnd(width)}${about}`)
  process.exit(0)
}

const scale = flags['real-time'] ? 1 : Math.max(flags['time-scale'], SMALLEST_SCALE)
const chosen = faults.filter(({ name }) => flags.fault === 'all' || name === flags.fault)

/** A storm multiplies each task, so there are fewer of them. */
function paceOf({ scenes }: Fault): Pace {
  const total = scenes.reduce((sum, { seconds }) => sum + seconds, 0)
  const tasks = flags['real-time'] ? total * CEILING_PER_SECOND : flags.tasks
  return {
    scale,
    tasksFor: (seconds, storm) => Math.max(1, Math.round((tasks * seconds) / total / (storm > 0 ? storm / 5 : 1))),
  }
}

keepStoresInMemory()
const modules = await build()

async function rehearse(fault: Fault): Promise<Played> {
  const log = (line: string) => console.log(`${fault.name}  ${line}`)
  const receiver = await startReceiver(modules, scale, flags.verbose ? log : undefined)
  try {
    return await playRow(fault, receiver, paceOf(fault))
  } finally {
    await receiver.stop()
  }
}

/** Longer than that is told, in milliseconds. */
const STANDSTILL_MS = 300

const standstill = watchStandstill()
const rows: Played[] = []
/** What is not as promised. */
const complaints: string[] = []
const waiting = [...chosen]

async function work() {
  for (let fault = waiting.shift(); fault; fault = waiting.shift()) {
    try {
      rows.push(await rehearse(fault))
    } catch (error) {
      complaints.push(`${fault.name}: could not be rehearsed: ${String(error)}`)
    }
    process.stderr.write(`  ${fault.name}\n`)
  }
}

await Promise.all(Array.from({ length: flags.parallel }, work))

const sorted = chosen.flatMap((fault) => rows.filter((row) => row.fault === fault))
console.log(`\n${table(sorted)}\n`)
if (scale !== 1) {
  console.log(`  The worst answer is in seconds of the schedule: at ${scale} of it, what this machine takes itself counts
  ${+(1 / scale).toFixed(1)} times. Measured as it is: --real-time.\n`)
}
if (standstill() > STANDSTILL_MS) {
  console.log(
    `  This machine itself stood still for ${(standstill() / 1000).toFixed(1)} s: answers took that much longer.\n`,
  )
}
const deadlines = Object.values(sorted[0]?.state.deadlines ?? {}).reduce((sum, ms) => sum + ms, 0)
for (const row of sorted) {
  complaints.push(...violations(row, flags['real-time']).map((complaint) => `${row.fault.name}: ${complaint}`))
}
if (deadlines === 0 || deadlines >= ANSWER_MS) complaints.push(`the deadlines of one answer add up to ${deadlines} ms`)
for (const complaint of complaints) console.log(`  NOT AS PROMISED  ${complaint}`)
if (complaints.length === 0) console.log('  All as promised.')
process.exitCode = complaints.length === 0 ? 0 : 1
