/** `npm run bench`: the README's figures, as ratios to what they are held against, measured in turn in one run. */
import { writeFileSync } from 'node:fs'
import { Option } from '@commander-js/extra-typings'
import { callbackFigures } from './bench/callback.ts'
import { cpuFigures } from './bench/cpu.ts'
import { type Figure, missedBy } from './bench/figures.ts'
import { growthFigures } from './bench/growth.ts'
import { rateFigures } from './bench/rates.ts'
import { startupFigures } from './bench/startup.ts'
import { table } from './bench/table.ts'
import { urlFigures } from './bench/url.ts'
import { command, httpUrl, whole } from './command.ts'
import { keepStoresInMemory } from './memory.ts'

const sections = {
  callback: callbackFigures,
  cpu: cpuFigures,
  growth: growthFigures,
  rates: rateFigures,
  startup: startupFigures,
}
const names = Object.keys(sections) as (keyof typeof sections)[]

const ROUNDS = 'how often each is measured; the table has the median, the least and the most'

const options = command('bench', 'Measures the receiver against the least there can be.')
  .addOption(new Option('--only <name>', 'which figures').choices(names))
  .option('--rounds <number>', ROUNDS, whole(1), 5)
  .option('--url <url>', 'measure whatever receives callbacks there instead', httpUrl)
  .option('--secret <text>', 'its CallbackSecret', 'secret')
  .option('--json <path>', 'also write the figures to this file')
  .parse()
  .opts()

async function measured(): Promise<Figure[]> {
  if (options.url !== undefined) return urlFigures(new URL(options.url), options.secret, options.rounds)
  keepStoresInMemory()
  const figures: Figure[] = []
  for (const name of names) {
    if (options.only !== undefined && options.only !== name) continue
    process.stderr.write(`  ${name} …\n`)
    figures.push(...(await sections[name](options.rounds)))
  }
  return figures
}

const figures = await measured()
console.log(`\n${table(figures)}\n`)
if (options.json !== undefined) {
  const { version, arch, platform } = process
  writeFileSync(options.json, `${JSON.stringify({ node: version, arch, platform, figures }, null, 2)}\n`)
}
process.exitCode = figures.some((figure) => (missedBy(figure) ?? 0) !== 0) ? 1 : 0
