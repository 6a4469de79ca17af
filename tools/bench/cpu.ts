/** What a callback costs before any store is asked: decoding, the signature, the checks, the hash. */
import { bundle } from '../bundle.ts'
import { against, alone, type Figure, inRounds } from './figures.ts'
import { bodies, connections, post } from './load.ts'
import { type Server, startServer } from './server.ts'

/** A request holds enough callbacks for its own cost to vanish. */
const SIZES = [
  { pictures: 2, times: 2_000 },
  { pictures: 100, times: 300 },
  { pictures: 5_000, times: 8 },
]
const TIMES_A_ROUND = 4
const MOST_MS_FOR_5000 = 6

export async function cpuFigures(rounds: number): Promise<Figure[]> {
  const server = await startServer(await bundle('tools/bench/pure.ts'))
  try {
    const figures: Figure[] = []
    for (const { pictures, times } of SIZES) {
      const [body] = bodies(1, { pictures })
      const each = async (path: string) => microseconds(server, path, body!, times)
      const round = async () => ({ ours: await each('/ours'), reference: await each('/least') })
      for (let warm = 0; warm < 3; warm += 1) await round()
      const measured = await inRounds(rounds, round)
      figures.push(against(`CPU, ${pictures} pictures : parse and digest`, 'µs', measured, { atMost: 3 }))
      if (pictures !== 5_000) continue
      const ms = measured.map(({ ours }) => ours / 1000)
      figures.push(alone('CPU, 5000 pictures', 'ms', ms, { atMost: MOST_MS_FOR_5000 }))
    }
    return figures
  } finally {
    await server.stop()
  }
}

/** Of one callback: the least of several, since whatever interrupts only adds. */
async function microseconds(server: Server, path: string, body: ReturnType<typeof bodies>[0], times: number) {
  const agent = connections(1)
  const url = (count: number) => new URL(`${path}?times=${count}`, server.url)
  const idle: number[] = []
  const busy: number[] = []
  for (let index = 0; index < TIMES_A_ROUND; index += 1) {
    idle.push(await post(url(0), body, agent))
    busy.push(await post(url(times), body, agent))
  }
  agent.destroy()
  return ((Math.min(...busy) - Math.min(...idle)) * 1000) / times
}
