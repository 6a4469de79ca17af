/** One callback, whole and until its answer, against Workers that verify nothing. */
import { setTimeout as sleep } from 'node:timers/promises'
import { bundle } from '../bundle.ts'
import { against, type Figure, inRounds, median } from './figures.ts'
import { bodies, byTurns, flood, posting } from './load.ts'
import { type Server, startServer } from './server.ts'

const CALLBACKS_A_ROUND = 1_200
const PAIRS_A_ROUND = 2
const PACED_A_ROUND = 50
const POLL_MS = 10

export async function callbackFigures(rounds: number): Promise<Figure[]> {
  const [ours, floor] = await Promise.all([start('src/worker.ts'), start('tools/bench/floor.ts')])
  const [ownBatch, plainBatch] = ['/own-batch', '/plain-batch'].map((path) => new URL(path, floor.url)) as [URL, URL]
  try {
    await fetch(new URL('/tables', floor.url))
    for (const url of [ours.callbackUrl, floor.callbackUrl, ownBatch, plainBatch]) {
      await flood(url, bodies(CALLBACKS_A_ROUND / 4), 16) // to be warm
    }
    await settled(ours)
    const whole = await inRounds(rounds, async () => best(ours, floor))
    const paced = await inRounds(rounds, async () => {
      const urls = [ours.callbackUrl, ownBatch, plainBatch]
      const [mine, own, plain] = await byTurns(
        urls.map((url) => posting(url, PACED_A_ROUND)),
        PACED_A_ROUND,
      )
      return { ours: median(mine!), own: median(own!), plain: median(plain!) }
    })
    const one = 'answer time, 1 connection with pauses'
    return [
      against('callbacks a second, whole, 16 connections : three writes', '/s', whole, { atLeast: 0.8 }),
      against(
        `${one} : the same batch`,
        'ms',
        paced.map(({ ours: mine, own }) => ({ ours: mine, reference: own })),
        { atMost: 1.15 },
      ),
      against(
        `${one} : a plain batch`,
        'ms',
        paced.map(({ ours: mine, plain }) => ({ ours: mine, reference: plain })),
      ),
      ...(await rushed(rounds, ours, { floor, ownBatch })),
    ]
  } finally {
    await Promise.all([ours.stop(), floor.stop()])
  }
}

/** Answer times without a pause: what follows an answer falls into the next one's time. */
async function rushed(
  rounds: number,
  ours: Server,
  { floor, ownBatch }: { floor: Server; ownBatch: URL },
): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const count of [1, 16, 64]) {
    for (const [name, url] of Object.entries({ 'the same batch': ownBatch, 'three writes': floor.callbackUrl })) {
      const answers = await inRounds(rounds, async () => {
        const mine = await flood(ours.callbackUrl, bodies(Math.max(60, count * 5)), count)
        await settled(ours)
        const theirs = await flood(url, bodies(Math.max(60, count * 5)), count)
        return { ours: median(mine), reference: median(theirs) }
      })
      figures.push(against(`answer time, ${count} without pause : ${name}`, 'ms', answers))
    }
  }
  return figures
}

const start = async (entry: string) => startServer(await bundle(entry))

/** The best rates of several, by turns: whatever interrupts only slows down. */
async function best(ours: Server, floor: Server) {
  const pairs = await inRounds(PAIRS_A_ROUND, async () => ({
    ours: await rate(ours, true),
    reference: await rate(floor, false),
  }))
  return {
    ours: Math.max(...pairs.map((pair) => pair.ours)),
    reference: Math.max(...pairs.map(({ reference }) => reference)),
  }
}

/** Callbacks a second until the last record is in D1, KV and the queue; for ours, until it is marked so, too. */
async function rate(server: Server, hasOutbox: boolean): Promise<number> {
  const callbacks = bodies(CALLBACKS_A_ROUND)
  const before = await server.events()
  const began = performance.now()
  await flood(server.callbackUrl, callbacks, 16)
  while ((await server.events()) < before + CALLBACKS_A_ROUND) await sleep(POLL_MS)
  if (hasOutbox) await settled(server)
  return CALLBACKS_A_ROUND / ((performance.now() - began) / 1000)
}

/** Until nothing is unpublished. */
async function settled({ db }: Server): Promise<void> {
  const unpublished = db.prepare('SELECT 1 FROM snapshots WHERE publish_at IS NOT NULL LIMIT 1')
  while ((await unpublished.first()) !== null) await sleep(POLL_MS)
}
