/** `npm run doctor -- URL`: says from outside why callbacks do not arrive or do not verify, and how to fix it. */
import { prepare } from './doctor/context.ts'
import { examine } from './doctor/examine.ts'
import { askHidden, GivenError, readCommandLine } from './doctor/given.ts'
import { format } from './doctor/result.ts'
import { readLocalSecrets } from './lib/dev-vars.ts'

const WRONG = 1
const MISUSED = 2
const INTERRUPTED = 130

const { env, stdin, stderr } = process

/** Nobody can be asked where input or questions go elsewhere. */
const ask = stdin.isTTY && stderr.isTTY ? (question: string) => askHidden(question, stdin, stderr) : undefined

async function run(): Promise<number> {
  const sources = { env, local: readLocalSecrets().vars, ask }
  const context = await prepare(readCommandLine(process.argv.slice(2)), sources)
  console.log(`\n  ${context.target.shown}, app ${context.appid}\n`)
  const isWell = await examine(context, (title, result) => console.log(format(title, result)))
  const allWell =
    'All is well, as seen from here. A firewall may treat ZEGOCLOUD differently: Security > Events shows it.'
  console.log(`\n  ${isWell ? allWell : 'Something is wrong: see WRONG above.'}\n`)
  return isWell ? 0 : WRONG
}

try {
  process.exitCode = await run()
} catch (error) {
  if (error instanceof Error && error.name === 'AbortError') process.exit(INTERRUPTED)
  if (!(error instanceof GivenError)) throw error
  console.error(`doctor: ${error.message}`)
  process.exitCode = MISUSED
}
