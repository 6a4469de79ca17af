/** Callbacks at a receiver, and how long each of its answers took. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Body } from '../encodings.ts'
import { callbackFor, encode } from '../zegocloud.ts'
import { SECRET } from './secret.ts'

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
  return exchange(url, { method: 'POST', headers, agent }, bytes)
}

/** The same for a GET. */
export async function get(url: URL, agent: Agent, headers: Record<string, string> = {}): Promise<number> {
  return exchange(url, { method: 'GET', headers, agent })
}

async function exchange(url: URL, options: Parameters<typeof request>[1], bytes?: Uint8Array): Promise<number> {
  const began = performance.now()
  const sent = request(url.href, options)
  sent.end(bytes)
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage]
  const said = await text(response)
  const ms = performance.now() - began
  const { statusCode = 0 } = response
  if (statusCode < 200 || statusCode > 299) throw new Error(`${url.href} answered ${statusCode}: ${said.slice(0, 300)}`)
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
export function posting(url: URL, count: number, kind: Kind = {}): Operation {
  const callbacks = bodies(count, kind).values()
  const agent = connections(1)
  return async () => post(url, callbacks.next().value!, agent)
}

/** Gets the same each time. */
export function getting(url: URL, headers: Record<string, string>): Operation {
  const agent = connections(1)
  return async () => get(url, agent, headers)
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
  for (let index = 0; index < count; index += 1) {
    for (const [at, operation] of operations.entries()) {
      taken[at]!.push(await operation())
      await sleep(pauseMs)
    }
  }
  return taken
}
