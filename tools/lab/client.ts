/** Callbacks at a receiver, and how long each of its answers took. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { callbackFor, encode, type Body } from '../zegocloud/callback.ts'
import { SECRET } from '../lib/secrets.ts'

type Kind = { secret?: string; pictures?: number }

/** Made before anything is timed. With the longer kind of task_id, which is in each URL too: all are of one size. */
export function bodies(count: number, { secret = SECRET, pictures = 3 }: Kind = {}): Body[] {
  return Array.from({ length: count }, () => {
    const task_id = `1500030200-procedurev2-${randomBytes(16).toString('hex')}tt0`
    return encode(callbackFor({ secret, task_id, pictures }), 'json')
  })
}

/** A keep-alive connection each, as ZEGOCLOUD's servers may or may not have. */
export const connections = (count: number) => new Agent({ keepAlive: true, maxSockets: count })

/** Milliseconds to the end of the answer. Throws unless it is 2XX. */
export async function post(url: URL, { bytes, contentType }: Body, agent: Agent): Promise<number> {
  const headers = { 'content-length': bytes.length, ...(contentType !== null && { 'content-type': contentType }) }
  return timed(request(url.href, { method: 'POST', headers, agent }).end(bytes))
}

async function timed(sent: ReturnType<typeof request>): Promise<number> {
  const began = performance.now()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const said = await text(response)
  const ms = performance.now() - began
  const { statusCode = 0 } = response
  if (statusCode < 200 || statusCode > 299)
    throw new Error(`${sent.path} answered ${statusCode}: ${said.slice(0, 300)}`)
  return ms
}

/** Each connection sends the next one as soon as it has its answer. */
export async function flood(url: URL, callbacks: readonly Body[], count: number): Promise<number[]> {
  const agent = connections(count)
  const waiting = callbacks.values()
  const taken: number[] = []
  const send = async () => {
    for (const callback of waiting) taken.push(await post(url, callback, agent))
  }
  await Promise.all(Array.from({ length: count }, send))
  agent.destroy()
  return taken
}

/** Something that is timed, in milliseconds. */
export type Operation = () => Promise<number>

/** Posts another callback each time. */
export function posting(url: URL, callbacks: readonly Body[]): Operation {
  const waiting = callbacks.values()
  const agent = connections(1)
  return async () => post(url, waiting.next().value!, agent)
}

/** Gets the same each time. */
export function getting(url: URL, headers: Record<string, string>): Operation {
  const agent = connections(1)
  return async () => timed(request(url.href, { headers, agent }).end())
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
