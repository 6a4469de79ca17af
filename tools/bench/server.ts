/** A Worker to be measured, with a consumer of its events, and how long each of its answers takes. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { bundle } from '../lib/bundle.ts'
import { API_TOKEN, SECRET } from '../lib/secrets.ts'
import { compatibilityDate, EVENTS, startWorld } from '../lib/world.ts'
import { type Body, callbackFor, encode } from '../zegocloud/callback.ts'

/** Counts what arrives. */
const CONSUMER = `
  let arrived = 0
  export default {
    queue(batch) { arrived += batch.messages.length },
    fetch() { return Response.json(arrived) },
  }`

export type Server = Awaited<ReturnType<typeof startServer>>

/** @param entry the path of a Worker in this project */
export async function startServer(entry: string) {
  const consumer = {
    name: 'consumer',
    modules: true,
    script: CONSUMER,
    compatibilityDate,
    queueConsumers: { [EVENTS]: { maxBatchSize: 100, maxBatchTimeout: 0.05 } },
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  }
  const world = await startWorld(await bundle(entry), { others: [consumer] })
  const events = await world.miniflare.unsafeGetDirectURL('consumer')
  return {
    ...world,
    db: await world.miniflare.getD1Database('DB', 'receiver'),
    /** How many events have arrived at their consumer. */
    events: async () => Number(await (await fetch(events)).text()),
  }
}

/** Made before anything is timed. With the longer kind of task_id, which is in each URL too: all are of one size. */
export function bodies(count: number, pictures = 3): Body[] {
  return Array.from({ length: count }, () => {
    const task_id = `1500030200-procedurev2-${randomBytes(16).toString('hex')}tt0`
    return encode(callbackFor({ secret: SECRET, task_id, pictures }), 'json')
  })
}

/** Milliseconds to the end of the answer. Throws unless it is 2XX. */
async function timed(url: URL, agent: Agent, body?: Body): Promise<number> {
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

/** A keep-alive connection each, which sends the next one as soon as it has its answer. */
export async function flood(url: URL, callbacks: readonly Body[], count: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: count })
  const waiting = callbacks.values()
  const taken: number[] = []
  const send = async () => {
    for (const callback of waiting) taken.push(await timed(url, agent, callback))
  }
  await Promise.all(Array.from({ length: count }, send))
  agent.destroy()
  return taken
}

export type Operation = () => Promise<number>

/** Posts one callback after the other. */
export function posting(url: URL, callbacks: readonly Body[]): Operation {
  const waiting = callbacks.values()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return async () => timed(url, agent, waiting.next().value)
}

/** GETs the same each time. */
export function getting(url: URL): Operation {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return async () => timed(url, agent)
}

/** Long enough for what follows an answer to end: it must not fall into the next one's time. */
const PAUSE_MS = 40

/** The operations by turns, one after another with pauses: `count` times each, in their order. */
export async function byTurns(
  operations: readonly Operation[],
  count: number,
  pauseMs = PAUSE_MS,
): Promise<number[][]> {
  const taken = operations.map((): number[] => [])
  for (let left = count; left > 0; left -= 1) {
    for (const [index, operation] of operations.entries()) {
      taken[index]!.push(await operation())
      await sleep(pauseMs)
    }
  }
  return taken
}
