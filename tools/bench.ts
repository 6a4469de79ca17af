/** `npm run bench`: the README's figures, as ratios to what they are held against, measured in turn in one run. */
import { writeFileSync } from 'node:fs'
import { callbackFigures } from './bench/callback.ts'
import { cpuFigures } from './bench/cpu.ts'
import { type Figure, missedBy } from './bench/figures.ts'
import { growthFigures } from './bench/growth.ts'
import { rateFigures } from './bench/rates.ts'
import { startupFigures } from './bench/startup.ts'
import { table } from './bench/table.ts'
import { urlFigures } from './bench/url.ts'
import { flagsOrExit, oneOf, text, url, whole } from './flags.ts'
import { keepStoresInMemory } from './memory.ts'

const sections = {
  callback: callbackFigures,
  cpu: cpuFigures,
  growth: growthFigures,
  rates: rateFigures,
  startup: startupFigures,
}
const names = Object.keys(sections) as (keyof typeof sections)[]

const flags = flagsOrExit('bench', 'npm run bench -- [flags]   Measures the receiver against the least there can be.', {
  only: oneOf('which figures', ['all', ...names], 'all'),
  rounds: whole('how often each is measured; the table has the median, the least and the most', 5, { from: 1 }),
  url: url('measures whatever receives callbacks there, instead', undefined),
  secret: text('its CallbackSecret', 'a text', 'secret'),
  json: text('also writes the figures to this file', 'a path', undefined),
})

async function measured(): Promise<Figure[]> {
  if (flags.url !== undefined) return urlFigures(new URL(flags.url), flags.secret, flags.rounds)
  keepStoresInMemory()
  const figures: Figure[] = []
  for (const name of names) {
    if (flags.only !== 'all' && flags.only !== name) continue
    process.stderr.write(`  ${name} …\n`)
    figures.push(...(await sections[name](flags.rounds)))
  }
  return figures
}

const figures = await measured()
console.log(`\n${table(figures)}\n`)
if (flags.json !== undefined) {
  const { version, arch, platform } = process
  writeFileSync(flags.json, `${JSON.stringify({ node: version, arch, platform, figures }, null, 2)}\n`)
}
process.exitCode = figures.some((figure) => (missedBy(figure) ?? 0) !== 0) ? 1 : 0
