/** What each thing costs with nothing stored, and with much: no query may grow with the number of snapshots. */
import { setTimeout as sleep } from 'node:timers/promises'
import { bundle } from '../bundle.ts'
import { against, type Figure, inRounds, median } from './figures.ts'
import { byTurns, getting, type Operation, posting } from './load.ts'
import { API_TOKEN, type Server, startServer } from './server.ts'
import { fill, TASK } from './stored.ts'

const STORED = [0, 10_000, 200_000]
const MOST_GROWTH = 1.1
const TIMES_A_ROUND = 40
/** For what is done after an answer to be counted too. */
const AFTERWARDS_MS = 300

export async function growthFigures(rounds: number): Promise<Figure[]> {
  const modules = await bundle('tools/bench/metered.ts')
  const servers = await Promise.all(STORED.map(async () => startServer(modules)))
  try {
    for (const [index, server] of servers.entries()) {
      await posting(server.callbackUrl, 1)() // it makes the schema
      await fill(server.db, STORED[index]!)
    }
    const figures: Figure[] = []
    for (const [name, operationOf] of Object.entries(operations(rounds))) {
      const each = servers.map(operationOf)
      await byTurns(each, 10) // to be warm
      const rows = await inRounds(1, async () =>
        Promise.all(servers.map(async (server, index) => rowsReadBy(server, each[index]!))),
      )
      const times = await inRounds(rounds, async () => (await byTurns(each, TIMES_A_ROUND)).map(median))
      for (let index = 1; index < STORED.length; index += 1) {
        const title = `${name}, ${STORED[index]!.toLocaleString('en')} stored : none`
        const pairs = (from: readonly number[][]) =>
          from.map((round) => ({ ours: round[index]!, reference: round[0]! }))
        const same = { atMost: MOST_GROWTH }
        figures.push(
          against(`answer time of ${title}`, 'ms', pairs(times), same),
          against(`rows read by ${title}`, 'rows', pairs(rows), same),
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
  'a callback': (server) => posting(server.callbackUrl, rounds * TIMES_A_ROUND + 20),
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
