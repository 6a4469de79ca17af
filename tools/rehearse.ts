/**
 * `npm run rehearse`: the built Worker in workerd, with real local stores that fail in every way we can think of, while
 * ZEGOCLOUD sends. It ends with a table; what is lost is counted in the stores.
 */
import { Option } from '@commander-js/extra-typings'
import { command, positive, whole } from './lib/command.ts'
import { scenarios } from './rehearsal/scenarios.ts'
import { build, rehearse } from './rehearsal/harness.ts'
import { countsOf, violations } from './rehearsal/verdict.ts'

const options = command('rehearse', 'Lets every store fail while callbacks come in.')
  .addOption(new Option('--fault <name>', 'only this fault').choices(scenarios.map(({ name }) => name)))
  .option('--list', 'say what each fault is')
  .option('--time-scale <factor>', "on ZEGOCLOUD's schedule and on the Worker's own time", positive, 0.1)
  .option('--parallel <number>', 'how many scenarios at a time', whole(1, 16), 3)
  .option('--verbose', 'show what the Worker logs')
  .parse()
  .opts()

/** A faster clock would leave what is signed here behind the Worker's tolerance. */
const SMALLEST_SCALE = 0.05

if (options.list) {
  const width = Math.max(...scenarios.map(({ name }) => name.length)) + 2
  for (const { name, about } of scenarios) console.log(`  ${name.padEnd(width)}${about}`)
  process.exit(0)
}

const scale = Math.max(options.timeScale, SMALLEST_SCALE)
const chosen = scenarios.filter(({ name }) => options.fault === undefined || name === options.fault)

const modules = await build()

const rows: Record<string, Record<string, number>> = Object.fromEntries(chosen.map(({ name }) => [name, {}]))
/** What is not as promised. */
const complaints: string[] = []
const waiting = chosen.values()

async function work() {
  for (const fault of waiting) {
    const log = (line: string) => console.log(`${fault.name}  ${line}`)
    try {
      const played = await rehearse(fault, modules, scale, options.verbose ? log : undefined)
      rows[fault.name] = countsOf(played)
      complaints.push(...violations(played).map((complaint) => `${fault.name}: ${complaint}`))
    } catch (error) {
      complaints.push(`${fault.name}: could not be rehearsed: ${String(error)}`)
    }
    process.stderr.write(`  ${fault.name}\n`)
  }
}

await Promise.all(Array.from({ length: options.parallel }, work))

console.table(rows)
console.log(
  `The worst answer is in seconds of the schedule, so what this machine takes counts ${+(1 / scale).toFixed(1)} times.\n`,
)
for (const complaint of complaints) console.log(`NOT AS PROMISED  ${complaint}`)
if (complaints.length === 0) console.log('All as promised.')
process.exitCode = complaints.length === 0 ? 0 : 1
