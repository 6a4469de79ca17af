/** `npm run bench`: the figures of docs/limits.md, each beside its floor (the least that could do the work), in one run. */
import { Option } from '@commander-js/extra-typings'
import { markdownTable } from 'markdown-table'
import { callbackFigures } from './bench/callback.ts'
import { cpuFigures } from './bench/cpu.ts'
import { type Figure, median } from './bench/figure.ts'
import { growthFigures } from './bench/growth.ts'
import { startupFigures } from './bench/startup.ts'
import { command } from './lib/command.ts'

const SECTIONS = { callback: callbackFigures, cpu: cpuFigures, growth: growthFigures, startup: startupFigures }
const names = Object.keys(SECTIONS) as (keyof typeof SECTIONS)[]

const { only } = command('bench', 'Measures the receiver in turn with the least that could do the work.')
  .addOption(new Option('--only <section>', 'which figures').choices(names))
  .parse()
  .opts()

/** Ours to the floor, round by round: what the machine does meanwhile happens to both. */
const ratioOf = ({ rounds }: Figure) => median(rounds.map(({ ours, floor }) => ours / floor))

function isMissed(figure: Figure): boolean {
  const { atMost = Infinity, atLeast = 0 } = figure.target ?? {}
  return ratioOf(figure) > atMost || ratioOf(figure) < atLeast
}

function cells(figure: Figure): string[] {
  const { name, unit, rounds, target = {} } = figure
  const [ours, floor] = [median(rounds.map((pair) => pair.ours)), median(rounds.map((pair) => pair.floor))]
  const wanted = Object.entries(target).map(([bound, ratio]) => `${bound} ${ratio}`)
  const measured = [
    ...[ours, floor].map((value) => `${Number(value.toPrecision(3))} ${unit}`),
    ratioOf(figure).toFixed(2),
  ]
  return [name, ...measured, wanted.join(), isMissed(figure) ? 'MISSED' : '']
}

const figures: Figure[] = []
for (const name of only === undefined ? names : [only]) {
  process.stderr.write(`  ${name} …\n`)
  figures.push(...(await SECTIONS[name]()))
}
const head = ['figure', 'ours', 'floor', 'ratio', 'target', '']
console.log(`\n${markdownTable([head, ...figures.map(cells)], { align: ['l', 'r', 'r', 'r', 'r', 'l'] })}\n`)
process.exitCode = figures.some(isMissed) ? 1 : 0
