/** One callback, whole and until its answer, beside Workers that verify nothing. */
import { setTimeout as sleep } from 'node:timers/promises'
import { bundle } from '../lib/bundle.ts'
import { bodies, byTurns, flood, posting } from '../lab/client.ts'
import { median } from '../lib/stats.ts'
import { compared, type Figure, inRounds, mediansOf } from './figures.ts'
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
      return byTurns(
        urls.map((url) => posting(url, bodies(PACED_A_ROUND))),
        PACED_A_ROUND,
      )
    })
    const [own, plain] = [1, 2].map((index) => paced.map((taken) => mediansOf([taken[0]!, taken[index]!]))) as [
      Pairs,
      Pairs,
    ]
    const one = 'answer time, 1 connection with pauses'
    return [
      compared('callbacks a second, whole, 16 connections : three writes', '/s', whole, { atLeast: 0.85 }),
      compared(`${one} : the same batch`, 'ms', own, { atMost: 1.15 }),
      compared(`${one} : a plain batch`, 'ms', plain),
      ...(await rushed(rounds, ours, { 'the same batch': ownBatch, 'three writes': floor.callbackUrl })),
    ]
  } finally {
    await Promise.all([ours.stop(), floor.stop()])
  }
}

type Pairs = ReturnType<typeof mediansOf>[]

const start = async (entry: string) => startServer(await bundle(entry))

/** Answer times without a pause: what follows an answer falls into the next one's time. */
async function rushed(rounds: number, ours: Server, others: Record<string, URL>): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const count of [1, 16, 64]) {
    const rush = async (url: URL) => median(await flood(url, bodies(Math.max(60, count * 5)), count))
    for (const [name, url] of Object.entries(others)) {
      const answers = await inRounds(rounds, async () => {
        const mine = await rush(ours.callbackUrl)
        await settled(ours)
        return { ours: mine, reference: await rush(url) }
      })
      figures.push(compared(`answer time, ${count} without pause : ${name}`, 'ms', answers))
    }
  }
  return figures
}

/** The best rates of several, by turns: whatever interrupts only slows down. */
async function best(ours: Server, floor: Server) {
  const pairs = await inRounds(PAIRS_A_ROUND, async () => [await rate(ours, true), await rate(floor, false)] as const)
  return {
    ours: Math.max(...pairs.map(([mine]) => mine)),
    reference: Math.max(...pairs.map(([, theirs]) => theirs)),
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
