/** One callback, whole and until its answer, beside a Worker that verifies nothing. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Figure, inRounds, mediansOf } from './figure.ts'
import { bodies, flood, type Server, startServer } from './server.ts'

const CALLBACKS_A_ROUND = 1_200
const PAIRS_A_ROUND = 2
const POLL_MS = 10

export async function callbackFigures(): Promise<Figure[]> {
  const [ours, floor] = await Promise.all([startServer('src/worker.ts'), startServer('tools/bench/floor.ts')])
  try {
    await fetch(new URL('/table', floor.url))
    for (const { callbackUrl } of [ours, floor]) await flood(callbackUrl, bodies(CALLBACKS_A_ROUND / 4), 16) // to be warm
    await published(ours)
    const whole = await inRounds(async () => best(ours, floor))
    const inARush = await inRounds(async () => {
      const taken = await flood(ours.callbackUrl, bodies(5 * 64), 64)
      await published(ours)
      return mediansOf([taken, await flood(floor.callbackUrl, bodies(5 * 64), 64)])
    })
    return [
      { name: 'whole callbacks, 16 connections', unit: '/s', rounds: whole, target: { atLeast: 0.85 } },
      { name: 'answer time, 64 connections without a pause', unit: 'ms', rounds: inARush },
    ]
  } finally {
    await Promise.all([ours.stop(), floor.stop()])
  }
}

/** The best rates of several, by turns: whatever interrupts only slows down. */
async function best(ours: Server, floor: Server) {
  const rates = { ours: 0, floor: 0 }
  for (let left = PAIRS_A_ROUND; left > 0; left -= 1) {
    rates.ours = Math.max(rates.ours, await rate(ours, published))
    rates.floor = Math.max(rates.floor, await rate(floor))
  }
  return rates
}

/** Callbacks a second until the last record is in D1, KV and the queue; for ours, until it is marked so, too. */
async function rate(server: Server, ended = async (_server: Server) => {}): Promise<number> {
  const callbacks = bodies(CALLBACKS_A_ROUND)
  const before = await server.events()
  const began = performance.now()
  await flood(server.callbackUrl, callbacks, 16)
  while ((await server.events()) < before + CALLBACKS_A_ROUND) await sleep(POLL_MS)
  await ended(server)
  return CALLBACKS_A_ROUND / ((performance.now() - began) / 1000)
}

async function published({ db }: Server): Promise<void> {
  const unpublished = db.prepare('SELECT 1 FROM snapshots WHERE publish_at IS NOT NULL LIMIT 1')
  while ((await unpublished.first()) !== null) await sleep(POLL_MS)
}
