/** `npm run bench`: the figures of docs/limits.md, each beside its floor (the least that could do the work), in one run. */
import { Option } from '@commander-js/extra-typings'
import { callbackFigures } from './bench/callback.ts'
import { type Figure, median } from './bench/figure.ts'
import { growthFigures } from './bench/growth.ts'
import { startupFigures } from './bench/startup.ts'
import { command } from './lib/command.ts'

const SECTIONS = { callback: callbackFigures, growth: growthFigures, startup: startupFigures }
const names = Object.keys(SECTIONS) as (keyof typeof SECTIONS)[]

const { only } = command('bench', 'Measures the receiver in turn with the least that could do the work.')
  .addOption(new Option('--only <section>', 'which figures').choices(names))
  .parse()
  .opts()

/** The ratio is taken round by round: what the machine does meanwhile happens to both. */
function row({ unit, rounds }: Figure) {
  const shown = (values: number[]) => `${Number(median(values).toPrecision(3))} ${unit}`
  return {
    ours: shown(rounds.map(({ ours }) => ours)),
    floor: shown(rounds.map(({ floor }) => floor)),
    ratio: Number(median(rounds.map(({ ours, floor }) => ours / floor)).toFixed(2)),
  }
}

const rows: Record<string, ReturnType<typeof row>> = {}
for (const name of only === undefined ? names : [only]) {
  process.stderr.write(`  ${name} …\n`)
  for (const figure of await SECTIONS[name]()) rows[figure.name] = row(figure)
}
console.table(rows)
