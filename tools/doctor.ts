/** `npm run doctor -- URL`: says why callbacks do not arrive or do not verify, from the outside, and what mends it. */
import { readDevVars } from './dev-vars.ts'
import type { Case } from './doctor/case.ts'
import { HELP, readCommandLine } from './doctor/command-line.ts'
import { examine } from './doctor/examination.ts'
import { GivenError } from './doctor/given.ts'
import { prepare } from './doctor/preparation.ts'
import { lines, paperOf } from './doctor/print.ts'
import { askHidden, Interrupted } from './doctor/prompt.ts'
import { TargetError } from './doctor/target.ts'
import { FlagError } from './flags.ts'

const WELL = 0
const WRONG = 1
const MISUSED = 2
const INTERRUPTED = 130

/** Nobody can be asked where input or questions go elsewhere. */
function terminal(): ((question: string) => Promise<string>) | undefined {
  const { stdin, stderr } = process
  return stdin.isTTY && stderr.isTTY ? (question) => askHidden(question, stdin, stderr) : undefined
}

function greet({ target, given, appid, callback, publish }: Case) {
  console.log(`\n  ${target.shown}, app ${appid}`)
  console.log(`  ${given.origins.join(', ')}\n`)
  if (!publish) return
  console.log(`  --publish: CONSUMERS OF THE QUEUE WILL SEE one event, of the task ${callback.task_id}.\n`)
}

async function run(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(HELP)
    return WELL
  }
  const patient = await prepare(readCommandLine(args), { env: process.env, readDevVars, ask: terminal() })
  greet(patient)
  // After the first Ctrl-C what was left is cleared away; the second one ends it at once.
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const paper = paperOf(process.stdout)
  const show: Parameters<typeof examine>[1] = (title, finding) => console.log(lines(title, finding, paper))
  const isWell = await examine(patient, show, stop.signal)
  if (stop.signal.aborted) return INTERRUPTED
  console.log(
    isWell
      ? '\n  All is well, as seen from here. A firewall may treat ZEGOCLOUD otherwise: Security > Events tells.\n'
      : '\n  Something is wrong: see WRONG above.\n',
  )
  return isWell ? WELL : WRONG
}

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  if (error instanceof Interrupted) process.exit(INTERRUPTED)
  const isMisuse = error instanceof FlagError || error instanceof GivenError || error instanceof TargetError
  if (!isMisuse) throw error
  console.error(`doctor: ${error.message}`)
  process.exitCode = MISUSED
}
