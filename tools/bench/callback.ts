/** One callback: whole, until its answer, and its CPU, beside a Worker that verifies nothing. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Figure, inRounds, median } from './figure.ts'
import { bodies, byTurns, flood, type Operation, send, type Server, withServers } from './server.ts'

const CALLBACKS_A_ROUND = 1_200
const PAIRS_A_ROUND = 2
const POLL_MS = 10

export const callbackFigures = () =>
  withServers(['src/worker.ts', 'tools/bench/floor.ts'], async (ours, floor) => {
    await send(new URL('/table', floor.url))
    for (const { callbackUrl } of [ours, floor]) await flood(callbackUrl, bodies(CALLBACKS_A_ROUND / 4), 16) // to be warm
    await published(ours)
    const whole = await inRounds(async () => best(ours, floor))
    const inARush = await inRounds(async () => {
      const taken = await flood(ours.callbackUrl, bodies(5 * 64), 64)
      await published(ours)
      return { ours: median(taken), floor: median(await flood(floor.callbackUrl, bodies(5 * 64), 64)) }
    })
    return [
      { name: 'whole callbacks, 16 connections', unit: '/s', rounds: whole },
      { name: 'answer time, 64 connections without a pause', unit: 'ms', rounds: inARush },
      await cpuFigure(floor, 2, 1_000),
      await cpuFigure(floor, 5_000, 5),
    ]
  })

/** The best rates of several, by turns: whatever interrupts only slows down. */
async function best(ours: Server, floor: Server) {
  const rates = { ours: 0, floor: 0 }
  for (let left = PAIRS_A_ROUND; left > 0; left -= 1) {
    rates.ours = Math.max(rates.ours, await rate(ours, published))
    rates.floor = Math.max(rates.floor, await rate(floor))
  }
  return rates
}

/** Callbacks a second until D1, KV and the queue have the last record; for ours, until it is marked so, too. */
async function rate(server: Server, ended = async (_server: Server) => {}): Promise<number> {
  const callbacks = bodies(CALLBACKS_A_ROUND)
  const began = performance.now()
  await flood(server.callbackUrl, callbacks, 16)
  await ended(server)
  return CALLBACKS_A_ROUND / ((performance.now() - began) / 1000)
}

async function published({ db }: Server): Promise<void> {
  const unpublished = db.prepare('SELECT 1 FROM snapshots WHERE publish_at IS NOT NULL LIMIT 1')
  while ((await unpublished.first()) !== null) await sleep(POLL_MS)
}

/**
 * Before any store is asked: decoding, the signature, the checks, the hash.
 * @param times so many in a request that its own cost vanishes
 */
async function cpuFigure(floor: Server, pictures: number, times: number): Promise<Figure> {
  const round = async () => microseconds(floor, pictures, times)
  await inRounds(round, 3) // to be warm
  return { name: `CPU, ${pictures} pictures`, unit: 'µs', rounds: await inRounds(round) }
}

const TIMES_A_ROUND = 12

/** CPU per callback, ours and the floor's, alternating; the minimum, because noise only adds. */
async function microseconds({ url }: Server, pictures: number, times: number) {
  const [body] = bodies(1, pictures)
  const paths = ['/ours?times=0', `/ours?times=${times}`, `/floor?times=${times}`]
  const operations = paths.map(
    (path): Operation =>
      (agent) =>
        send(new URL(path, url), body, agent),
  )
  const taken = await byTurns(operations, TIMES_A_ROUND, 0)
  const [idle, ours, floor] = taken.map((ms) => Math.min(...ms)) as [number, number, number]
  return { ours: ((ours - idle) * 1000) / times, floor: ((floor - idle) * 1000) / times }
}
