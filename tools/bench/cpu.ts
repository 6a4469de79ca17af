/** What a callback costs before any store is asked: decoding, the signature, the checks, the hash. */
import { type Figure, inRounds } from './figure.ts'
import { bodies, byTurns, posting, type Server, startServer } from './server.ts'

/** A request holds enough callbacks for its own cost to vanish. */
const SIZES = [
  { pictures: 2, times: 1_000 },
  { pictures: 5_000, times: 5 },
]
const TIMES_A_ROUND = 12

export async function cpuFigures(): Promise<Figure[]> {
  const server = await startServer('tools/bench/floor.ts')
  try {
    const figures: Figure[] = []
    for (const { pictures, times } of SIZES) {
      const round = async () => microseconds(server, pictures, times)
      await inRounds(round, 3) // to be warm
      const measured = await inRounds(round)
      figures.push({ name: `CPU, ${pictures} pictures`, unit: 'µs', rounds: measured, target: { atMost: 3 } })
    }
    return figures
  } finally {
    await server.stop()
  }
}

/** CPU per callback, ours and the floor's, alternating; the minimum, because noise only adds. */
async function microseconds({ url }: Server, pictures: number, times: number) {
  const callbacks = Array<ReturnType<typeof bodies>[number]>(TIMES_A_ROUND).fill(bodies(1, pictures)[0]!)
  const operations = ['/ours?times=0', `/ours?times=${times}`, `/floor?times=${times}`].map((path) =>
    posting(new URL(path, url), callbacks),
  )
  const taken = await byTurns(operations, TIMES_A_ROUND, 0)
  const [idle, ours, floor] = taken.map((ms) => Math.min(...ms)) as [number, number, number]
  return { ours: ((ours - idle) * 1000) / times, floor: ((floor - idle) * 1000) / times }
}
