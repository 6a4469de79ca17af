/** What the routes under `/v1` share: answers in JSON, and the words for a store that does not answer. */
import type { Context } from 'hono'
import { log, messageOf } from '../log.ts'
import { problem } from './problem.ts'

/** Never for a shared cache; a private one asks each time. */
const PRIVATE = { 'content-type': 'application/json', 'cache-control': 'private, no-cache' }

/** @param text JSON */
export function json(text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { headers: { ...PRIVATE, ...headers } })
}

export function requestId(c: Context): string {
  return c.req.header('cf-ray') ?? crypto.randomUUID()
}

/** The answer of work on the stores; 503 where one of them fails, which is logged with what was being done. */
export async function orUnavailable(doing: string, work: () => Promise<Response>): Promise<Response> {
  try {
    return await work()
  } catch (error) {
    log('error', 'storage.failed', { doing, why: messageOf(error) })
    return unavailable('D1 or KV cannot answer now. Ask again in a moment: it does no harm to ask twice.')
  }
}

export function unavailable(detail: string): Response {
  const headers = { 'retry-after': '2' }
  return problem({ code: 'storage_unavailable', status: 503, title: 'The store does not answer', detail, headers })
}
