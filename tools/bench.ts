/** `npm run bench`: the figures of docs/limits.md, as ratios to the least there can be, measured by turns in one run. */
import { writeFileSync } from 'node:fs'
import { Option } from '@commander-js/extra-typings'
import { callbackFigures } from './bench/callback.ts'
import { cpuFigures } from './bench/cpu.ts'
import { type Figure, missedBy } from './bench/figures.ts'
import { growthFigures } from './bench/growth.ts'
import { rateFigures } from './bench/rates.ts'
import { receiverFigures } from './bench/receivers.ts'
import { startupFigures } from './bench/startup.ts'
import { table } from './bench/table.ts'
import { command, httpUrl, whole } from './lib/command.ts'
import { keepStoresInMemory } from './lib/memory.ts'

const sections = {
  callback: callbackFigures,
  cpu: cpuFigures,
  growth: growthFigures,
  rates: rateFigures,
  startup: startupFigures,
}
const names = Object.keys(sections) as (keyof typeof sections)[]

const program = command('bench', 'Measures the receiver in turn with the least that could do the work.')
  .addOption(new Option('--only <section>', 'which figures').choices(names))
  .option(
    '--rounds <number>',
    'how often each is measured; the table has the median, the lowest and the highest',
    whole(1),
    5,
  )
  .option('--url <url>', 'measure any receiver of callbacks at this URL instead', httpUrl)
  .option('--against <url>', 'compare it with another receiver, in turn and with the same callbacks', httpUrl)
  .option('--secret <text>', 'the CallbackSecret of both', 'secret')
  .option('--json <path>', 'also write the figures to this file')
  .parse()

const { only, rounds, url, against, secret, json } = program.opts()
if (against !== undefined && url === undefined) program.error('error: --against needs --url')

async function measured(): Promise<Figure[]> {
  const urls = [url, against].filter((given) => given !== undefined).map((given) => new URL(given))
  if (urls.length > 0) return receiverFigures(urls, secret, rounds).catch(unmeasured)
  keepStoresInMemory()
  const figures: Figure[] = []
  for (const name of only === undefined ? names : [only]) {
    process.stderr.write(`  ${name} …\n`)
    figures.push(...(await sections[name](rounds)))
  }
  return figures
}

/** A receiver that refuses, or is not there, is no receiver to be measured. */
const unmeasured = (error: unknown) => program.error(`error: ${error instanceof Error ? error.message : String(error)}`)

const figures = await measured()
console.log(`\n${table(figures)}\n`)
if (json !== undefined) {
  const { version, arch, platform } = process
  writeFileSync(json, `${JSON.stringify({ node: version, arch, platform, figures }, null, 2)}\n`)
}
process.exitCode = figures.some((figure) => (missedBy(figure) ?? 0) !== 0) ? 1 : 0
