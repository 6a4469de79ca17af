/** The Workers to be measured, and how long each of their answers takes. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { bundle } from '../lib/bundle.ts'
import { API_TOKEN, SECRET } from '../lib/secrets.ts'
import { startWorld } from '../lib/world.ts'
import { type Body, callbackFor, encode } from '../zegocloud/callback.ts'
import type { Figure } from './figure.ts'

export type Server = Awaited<ReturnType<typeof startServer>>

async function startServer(entry: string) {
  const world = await startWorld(await bundle(entry))
  return { ...world, db: await world.miniflare.getD1Database('DB', 'receiver') }
}

/** What is measured with two Workers of this project: ours, and what it is compared with. */
export async function withServers(
  entries: [string, string],
  measure: (ours: Server, floor: Server) => Promise<Figure[]>,
) {
  const [ours, floor] = await Promise.all([startServer(entries[0]), startServer(entries[1])])
  try {
    return await measure(ours, floor)
  } finally {
    await Promise.all([ours.stop(), floor.stop()])
  }
}

/** Made before anything is timed. With the longer kind of task_id, which is in each URL too: all are of one size. */
export function bodies(count: number, pictures = 3): Body[] {
  return Array.from({ length: count }, () => {
    const task_id = `1500030200-procedurev2-${randomBytes(16).toString('hex')}tt0`
    return encode(callbackFor({ secret: SECRET, task_id, pictures }), 'json')
  })
}

/**
 * POSTs a body, or GETs; the milliseconds to the end of the answer. Throws unless it is 2XX.
 * @param agent keeps connections while something is measured; workerd ends what has been idle for some seconds
 */
export async function send(url: URL, body?: Body, agent = new Agent()): Promise<number> {
  const sent = body
    ? request(url.href, { method: 'POST', headers: { 'content-length': body.bytes.length }, agent }).end(body.bytes)
    : request(url.href, { headers: { authorization: `Bearer ${API_TOKEN}` }, agent }).end()
  const began = performance.now()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const answer = await text(response)
  const ms = performance.now() - began
  if (response.statusCode! > 299) throw new Error(`${url.pathname} answered ${response.statusCode}: ${answer}`)
  return ms
}

/** So many at a time, each followed by the next one as soon as it has its answer. */
export async function flood(url: URL, callbacks: readonly Body[], atATime: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true })
  const waiting = callbacks.values()
  const taken: number[] = []
  const sendAll = async () => {
    for (const callback of waiting) taken.push(await send(url, callback, agent))
  }
  await Promise.all(Array.from({ length: atATime }, sendAll))
  agent.destroy()
  return taken
}

export type Operation = (agent: Agent) => Promise<number>

/** Long enough for what follows an answer to end: it must not fall into the next one's time. */
const PAUSE_MS = 40

/** The operations by turns, one after another with pauses: `count` times each, in their order. */
export async function byTurns(
  operations: readonly Operation[],
  count: number,
  pauseMs = PAUSE_MS,
): Promise<number[][]> {
  const agent = new Agent({ keepAlive: true })
  const taken = operations.map((): number[] => [])
  for (let left = count; left > 0; left -= 1) {
    for (const [index, operation] of operations.entries()) {
      taken[index]!.push(await operation(agent))
      await sleep(pauseMs)
    }
  }
  agent.destroy()
  return taken
}
