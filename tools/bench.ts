/** `npm run bench`: the figures of docs/limits.md, each beside its floor (the least that could do the work), in one run. */
import { Option } from '@commander-js/extra-typings'
import { markdownTable } from 'markdown-table'
import { callbackFigures } from './bench/callback.ts'
import { cpuFigures } from './bench/cpu.ts'
import type { Figure } from './bench/figure.ts'
import { growthFigures } from './bench/growth.ts'
import { startupFigures } from './bench/startup.ts'
import { command, whole } from './lib/command.ts'
import { keepStoresInMemory } from './lib/memory.ts'
import { median } from './lib/stats.ts'

const SECTIONS = { callback: callbackFigures, cpu: cpuFigures, growth: growthFigures, startup: startupFigures }
const names = Object.keys(SECTIONS) as (keyof typeof SECTIONS)[]

const { only, rounds } = command('bench', 'Measures the receiver in turn with the least that could do the work.')
  .addOption(new Option('--only <section>', 'which figures').choices(names))
  .option('--rounds <number>', 'how often each is measured; the table has the median and the extremes', whole(1), 5)
  .parse()
  .opts()

/** Ours to the floor, round by round: what the machine does meanwhile happens to both. */
const ratiosOf = ({ rounds: pairs }: Figure) => pairs.map(({ ours, floor }) => ours / floor)

function isMissed(figure: Figure): boolean {
  const { atMost = Infinity, atLeast = 0 } = figure.target ?? {}
  const ratio = median(ratiosOf(figure))
  return ratio > atMost || ratio < atLeast
}

function cells(figure: Figure): string[] {
  const { name, unit, rounds: pairs, target } = figure
  const wanted = target && (target.atMost === undefined ? `at least ${target.atLeast}` : `at most ${target.atMost}`)
  return [
    name,
    `${spread(pairs.map(({ ours }) => ours))} ${unit}`,
    `${spread(pairs.map(({ floor }) => floor))} ${unit}`,
    spread(ratiosOf(figure)),
    wanted ?? '',
    target ? (isMissed(figure) ? 'MISSED' : 'met') : '',
  ]
}

function spread(values: readonly number[]): string {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)].map(short)
  return least === most ? middle! : `${middle} (${least} to ${most})`
}

/** Three digits. */
const short = (value: number) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))

keepStoresInMemory()
const figures: Figure[] = []
for (const name of only === undefined ? names : [only]) {
  process.stderr.write(`  ${name} …\n`)
  figures.push(...(await SECTIONS[name](rounds)))
}
const head = ['figure', 'ours', 'floor', 'ratio', 'target', '']
console.log(`\n${markdownTable([head, ...figures.map(cells)], { align: ['l', 'r', 'r', 'r', 'r', 'l'] })}\n`)
process.exitCode = figures.some(isMissed) ? 1 : 0
