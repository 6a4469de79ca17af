/** One request as a stranger would make it: no redirect is followed, and silence is an answer too. */
import type { Body } from '../zegocloud.ts'

export type Reply = {
  status: number
  headers: Headers
  text: string
  /** The answer's fields, where it is a JSON object. */
  json: Readonly<Record<string, unknown>>
  /** Until the answer's end. */
  ms: number
  /** By how many seconds the other side's clock is ahead of ours, as far as it tells. */
  ahead: number | undefined
}

/** Nothing answered. `code` is Node's name for why. */
export type Silence = { code: string; message: string; ms: number }

export type Question = { method?: string; body?: Body; apiToken?: string | undefined; timeoutMs: number }

export const isSilence = (heard: Reply | Silence): heard is Silence => 'message' in heard

/** The `code` of our Worker's problems, the `status` of its other answers. */
export const wordOf = ({ json }: Reply) => textIn(json, 'code') ?? textIn(json, 'status')

export function textIn(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = fields[name]
  return typeof value === 'string' ? value : undefined
}

export async function ask(url: string, question: Question): Promise<Reply | Silence> {
  const { method = 'GET', body, timeoutMs } = question
  const began = performance.now()
  const sentAt = Date.now()
  try {
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      headers: headersOf(question),
      ...(body && { body: body.bytes }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const ahead = aheadOf(response.headers.get('date'), (sentAt + Date.now()) / 2)
    const text = await response.text()
    const { status, headers } = response
    return { status, headers, text, json: fieldsOf(text), ms: performance.now() - began, ahead }
  } catch (error) {
    return { ...reasonOf(error), ms: performance.now() - began }
  }
}

function headersOf({ body, apiToken }: Question): Record<string, string> {
  return {
    ...(body?.contentType && { 'content-type': body.contentType }),
    ...(apiToken !== undefined && { authorization: `Bearer ${apiToken}` }),
  }
}

/** The header has whole seconds: half a one is its middle. */
function aheadOf(date: string | null, now: number): number | undefined {
  const theirs = Date.parse(date ?? '')
  return Number.isNaN(theirs) ? undefined : Math.round((theirs + 500 - now) / 1000)
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  } catch {
    return {}
  }
}

/** `fetch` hides what happened behind "fetch failed", and several addresses behind one error. */
function reasonOf(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: 'UNKNOWN', message: String(error) }
  if (error.name === 'TimeoutError') return { code: 'TIMEOUT', message: error.message }
  if (error instanceof AggregateError) return reasonOf(error.errors[0])
  if (error.cause instanceof Error) return reasonOf(error.cause)
  const code: unknown = 'code' in error ? error.code : undefined
  return { code: typeof code === 'string' ? code : error.name, message: error.message }
}
