/** What the bench tells: ours beside the floor, in each round. */
type Pair = { ours: number; floor: number }

export type Figure = {
  name: string
  unit: 'ms' | 'µs' | '/s' | 'KiB'
  rounds: Pair[]
}

export const ROUNDS = 5

/** One after another: two at once would measure each other. */
export async function inRounds(round: () => Promise<Pair>, rounds = ROUNDS): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (let left = rounds; left > 0; left -= 1) pairs.push(await round())
  return pairs
}

export const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
