/** What each thing costs with nothing stored, and with much: no query may grow with the number of snapshots. */
import { setTimeout as sleep } from 'node:timers/promises'
import { bundle } from '../lib/bundle.ts'
import { bodies, byTurns, getting, type Operation, posting } from '../lab/client.ts'
import { API_TOKEN } from '../lib/secrets.ts'
import { compared, type Figure, inRounds, mediansOf } from './figures.ts'
import { type Server, startServer } from './server.ts'
import { fill, TASK } from './stored.ts'

const STORED = [0, 10_000, 200_000]
const GROWTH = { atMost: 1.1 }
const TIMES_A_ROUND = 40
/** For what is done after an answer to be counted too. */
const AFTERWARDS_MS = 300

export async function growthFigures(rounds: number): Promise<Figure[]> {
  const modules = await bundle('tools/bench/metered.ts')
  const servers = await Promise.all(STORED.map(async () => startServer(modules)))
  try {
    for (const [index, server] of servers.entries()) {
      await posting(server.callbackUrl, bodies(1))() // it makes the schema
      await fill(server.db, STORED[index]!)
    }
    const figures: Figure[] = []
    for (const [name, operationOf] of Object.entries(operations(rounds))) {
      const each = servers.map(operationOf)
      await byTurns(each, 10) // to be warm
      const rows = await Promise.all(servers.map(async (server, index) => [await rowsReadBy(server, each[index]!)]))
      const rounded = await inRounds(rounds, async () => byTurns(each, TIMES_A_ROUND))
      for (let index = 1; index < STORED.length; index += 1) {
        const title = `${name}, ${STORED[index]!.toLocaleString('en')} stored : none`
        const pair = (of: readonly number[][]) => mediansOf([of[index]!, of[0]!])
        figures.push(
          compared(`answer time of ${title}`, 'ms', rounded.map(pair), GROWTH),
          compared(`rows read by ${title}`, 'rows', [pair(rows)], GROWTH),
        )
      }
    }
    return figures
  } finally {
    await Promise.all(servers.map(({ stop }) => stop()))
  }
}

const headers = { authorization: `Bearer ${API_TOKEN}` }
const reading = (path: string) => (server: Server) => getting(new URL(path, server.url), headers)

const operations = (rounds: number): Record<string, (server: Server) => Operation> => ({
  'a callback': (server) => posting(server.callbackUrl, bodies(rounds * TIMES_A_ROUND + 20)),
  'a get': reading(`/v1/snapshots/${TASK}`),
  'a list of 20': reading('/v1/snapshots'),
  'a list of 20 failed': reading('/v1/snapshots?status=failed'),
  'a status': reading('/v1/status'),
})

/** By one operation, what follows its answer included. */
async function rowsReadBy(server: Server, operation: Operation): Promise<number> {
  const read = async () => Number(await (await fetch(new URL('/meter', server.url))).text())
  await sleep(AFTERWARDS_MS)
  await read()
  await operation()
  await sleep(AFTERWARDS_MS)
  return read()
}
