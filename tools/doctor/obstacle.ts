/** What answers in the Worker's place: nothing at all, a redirect, an error page of Cloudflare's, something else. */
import type { Members } from '../lib/members.ts'
import { type Result, wrong } from './result.ts'

export type Reply = {
  status: number
  headers: Headers
  text: string
  /** The answer's members, where it is a JSON object. */
  json: Members
}

/** Thrown in place of an answer of the Worker. */
export class Obstacle extends Error {
  readonly result: Result

  constructor(result: Result) {
    super(result.evidence)
    this.result = result
  }
}

const NETWORK =
  'Check the URL: `npm run deploy` prints it. Behind a proxy, set NODE_USE_ENV_PROXY=1. On this machine, is `npm start` running?'

/** Nothing answered. `fetch` hides the reason behind "fetch failed", and several addresses behind one error. */
export function silence(error: unknown, host: string): Obstacle {
  if (!(error instanceof Error)) throw error
  const cause: unknown = error.cause instanceof AggregateError ? error.cause.errors[0] : (error.cause ?? error)
  const evidence = `${host} gave no answer: ${cause instanceof Error ? cause.message : String(cause)}.`
  return new Obstacle(wrong(evidence, NETWORK))
}

const GUARD =
  'Something before the Worker answers. On Cloudflare see Security > Events, and docs/deploying.md, "Firewall and Access".'
const CODES = 'https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/'

/** What stands in the way; `undefined` where an answer looks like a program's. */
export function obstacleIn({ status, headers, text, json }: Reply): Obstacle | undefined {
  const found = (evidence: string, remedy: string) => new Obstacle(wrong(`${status}: ${evidence}`, remedy))
  const location = headers.get('location')
  if (status >= 300 && status < 400 && location !== null)
    return found(`a redirect to ${originOf(location)}. ZEGOCLOUD follows none.`, GUARD)
  const mitigated = headers.get('cf-mitigated')
  if (mitigated !== null) return found(`Cloudflare's firewall answers (cf-mitigated: ${mitigated}).`, GUARD)
  const [, number] = /\berror(?: code)?:?\s*(?:<[^>]*>\s*)*(1\d{3})\b/i.exec(text) ?? []
  if (status >= 400 && number) return found(`Cloudflare's error ${number}.`, `${CODES} explains it.`)
  if (text !== '' && !text.startsWith('{')) return found("what answers in the Worker's place sends no JSON.", GUARD)
  const isGuarded = json['code'] === undefined && [401, 403, 429].includes(status)
  return isGuarded ? found('something before the Worker refuses.', GUARD) : undefined
}

/** Without path and query, which may hold a token. */
const originOf = (location: string) =>
  URL.canParse(location) ? new URL(location).origin : 'another path of the same host'
