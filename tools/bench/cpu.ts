/** What a callback costs before any store is asked: decoding, the signature, the checks, the hash. */
import { bundle } from '../lib/bundle.ts'
import { bodies, byTurns, connections, post } from '../lab/client.ts'
import type { Body } from '../zegocloud/callback.ts'
import { alone, compared, type Figure, inRounds, type Pair } from './figures.ts'
import { type Server, startServer } from './server.ts'

/** A request holds enough callbacks for its own cost to vanish. */
const SIZES = [
  { pictures: 2, times: 1_000 },
  { pictures: 100, times: 150 },
  { pictures: 5_000, times: 5 },
]
const TIMES_A_ROUND = 12
const MOST_MS_FOR_5000 = 6

export async function cpuFigures(rounds: number): Promise<Figure[]> {
  const server = await startServer(await bundle('tools/bench/pure.ts'))
  try {
    const figures: Figure[] = []
    for (const { pictures, times } of SIZES) {
      const [body] = bodies(1, { pictures })
      const round = async () => microseconds(server, body!, times)
      await inRounds(3, round) // to be warm
      const measured = await inRounds(rounds, round)
      figures.push(compared(`CPU, ${pictures} pictures : parse and digest`, 'µs', measured, { atMost: 3 }))
      if (pictures !== 5_000) continue
      const ms = measured.map(({ ours }) => ours / 1000)
      figures.push(alone('CPU, 5000 pictures', 'ms', ms, { atMost: MOST_MS_FOR_5000 }))
    }
    return figures
  } finally {
    await server.stop()
  }
}

/** Of one callback, ours and the least: by turns, and the least of several, since whatever interrupts only adds. */
async function microseconds({ url }: Server, body: Body, times: number): Promise<Pair> {
  const agent = connections(1)
  const posting = (path: string) => async () => post(new URL(path, url), body, agent)
  const operations = [`/ours?times=0`, `/ours?times=${times}`, `/least?times=${times}`].map(posting)
  const taken = await byTurns(operations, TIMES_A_ROUND, 0)
  const [idle, ours, least] = taken.map((ms) => Math.min(...ms)) as [number, number, number]
  agent.destroy()
  return { ours: ((ours - idle) * 1000) / times, reference: ((least - idle) * 1000) / times }
}
