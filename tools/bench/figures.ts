/** What the bench tells: numbers of ours beside those of something else, measured by turns within one run. */
import { median, type Spread, spreadOf } from '../lib/stats.ts'

export type Figure = {
  name: string
  unit: 'ms' | 'µs' | '/s' | 'rows' | 'KiB' | 'callbacks'
  ours: Spread
  /** What `ours` is compared with; a figure without it stands alone. */
  reference?: Spread
  /** Ours to the reference, round by round: what the machine does meanwhile happens to both. */
  ratio?: Spread
  /** What the ratio has to be, or ours where there is no reference. */
  target?: Target | undefined
}

export type Target = { atMost: number } | { atLeast: number }

/** What one round has measured. */
export type Pair = { ours: number; reference: number }

/** @param rounds one number a round */
export function alone(name: string, unit: Figure['unit'], rounds: readonly number[], target?: Target): Figure {
  return { name, unit, ours: spreadOf(rounds), target }
}

export function compared(name: string, unit: Figure['unit'], rounds: readonly Pair[], target?: Target): Figure {
  return {
    name,
    unit,
    ours: spreadOf(rounds.map(({ ours }) => ours)),
    reference: spreadOf(rounds.map(({ reference }) => reference)),
    ratio: spreadOf(rounds.map(({ ours, reference }) => ours / reference)),
    target,
  }
}

/** One after another: two at once would measure each other. */
export async function inRounds<Value>(rounds: number, round: (index: number) => Promise<Value>): Promise<Value[]> {
  const values: Value[] = []
  for (let index = 0; index < rounds; index += 1) values.push(await round(index))
  return values
}

/** The medians of each round, of what `byTurns` has timed. */
export const mediansOf = ([ours, reference]: readonly number[][]): Pair => ({
  ours: median(ours ?? []),
  reference: median(reference ?? []),
})

/** By which part of it the target is missed, 0 if it is met; `undefined` without one. */
export function missedBy({ ours, ratio, target }: Figure): number | undefined {
  if (target === undefined) return undefined
  const { median: measured } = ratio ?? ours
  return Math.max(0, 'atMost' in target ? measured / target.atMost - 1 : 1 - measured / target.atLeast)
}
