/** What the bench tells: numbers of ours and of what they are held against, measured in turn within one run. */

/** Over the rounds of one run. */
export type Spread = { median: number; least: number; most: number }

export type Figure = {
  name: string
  unit: 'ms' | 'µs' | '/s' | 'rows' | 'KiB' | 'callbacks'
  ours: Spread
  /** What `ours` is held against; a figure without it stands alone. */
  reference?: Spread
  /** Ours to the reference, round by round: what the machine does meanwhile happens to both. */
  ratio?: Spread
  /** What the ratio has to be, or ours where there is no reference. */
  target?: Target
}

export type Target = { atMost: number } | { atLeast: number }

export const median = (values: readonly number[]) => percentile(values, 0.5)

/** @param part 0.5 for the median */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) }
}

/** @param rounds one number a round */
export function alone(name: string, unit: Figure['unit'], rounds: readonly number[], target?: Target): Figure {
  return { name, unit, ours: spreadOf(rounds), ...(target && { target }) }
}

/** @param rounds ours and the reference's numbers, a pair a round */
export function against(
  name: string,
  unit: Figure['unit'],
  rounds: readonly { ours: number; reference: number }[],
  target?: Target,
): Figure {
  return {
    name,
    unit,
    ours: spreadOf(rounds.map(({ ours }) => ours)),
    reference: spreadOf(rounds.map(({ reference }) => reference)),
    ratio: spreadOf(rounds.map(({ ours, reference }) => ours / reference)),
    ...(target && { target }),
  }
}

/** One after another: two at once would measure each other. */
export async function inRounds<Value>(rounds: number, round: () => Promise<Value>): Promise<Value[]> {
  const values: Value[] = []
  for (let index = 0; index < rounds; index += 1) values.push(await round())
  return values
}

/** By which part of it the target is missed, 0 if it is met; `undefined` without one. */
export function missedBy({ ours, ratio, target }: Figure): number | undefined {
  if (target === undefined) return undefined
  const { median: measured } = ratio ?? ours
  return Math.max(0, 'atMost' in target ? measured / target.atMost - 1 : 1 - measured / target.atLeast)
}
