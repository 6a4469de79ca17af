/** What answers in the Worker's place: nothing at all, a redirect, a sign-in page, a firewall, an error page. */
import type { Members } from '../lib/members.ts'
import { DEPLOY, type Fix, type Result, seconds, TAIL, wrong } from './result.ts'

export type Reply = {
  status: number
  headers: Headers
  text: string
  /** The answer's members, where it is a JSON object. */
  json: Members
  /** Until the end of the answer. */
  ms: number
  /** How many seconds the other side's clock is ahead of ours, if it says. */
  ahead: number | undefined
}

/** Thrown in place of an answer of the Worker. Where nothing answered, there is no status. */
export class Obstacle extends Error {
  readonly result: Result
  readonly status: number | undefined

  constructor(result: Result, status?: number) {
    super(result.evidence)
    this.result = result
    this.status = status
  }
}

/** For `catch`, where the obstacle itself is the answer. */
export function obstacleOf(error: unknown): Obstacle {
  if (error instanceof Obstacle) return error
  throw error
}

const SLOW = 'The Worker answers within 5 s whatever its stores do, so check what stands before it. Its log:'
const SPELLING = 'Check its spelling: `npx wrangler deploy` prints the URL at its end.'
const NOT_RUNNING = 'Is `npm start` running, and at this port? A Worker on Cloudflare has no port in its URL.'
const NETWORK = 'Try from another network: something between here and the Worker may cut connections.'
const CERTIFICATE =
  'ZEGOCLOUD cannot connect either. On Cloudflare: SSL/TLS > Edge Certificates; a new custom domain takes some minutes.'

/** By Node's name for the reason. */
const SILENCES: [code: RegExp, evidence: string, remedy: string][] = [
  [/^ENOTFOUND$/, 'There is no host HOST.', SPELLING],
  [/^EAI_AGAIN$/, 'No name server answers for HOST.', 'Is this machine online?'],
  [/^ECONNREFUSED$/, 'Nothing listens at HOST.', NOT_RUNNING],
  [/^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, 'HOST closed the connection without an answer.', NETWORK],
  [/^(?:ETIMEDOUT|E(?:HOST|NET)UNREACH|UND_ERR_CONNECT_TIMEOUT)$/, 'HOST cannot be reached from here.', NETWORK],
  [/^CERT_HAS_EXPIRED$/, 'The certificate of HOST has expired.', CERTIFICATE],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'The certificate there is not for HOST.', CERTIFICATE],
  [/SELF_SIGNED|UNABLE_TO_|^CERT_|^ERR_[TS]|^EPROTO$/, 'No TLS connection to HOST can be trusted.', CERTIFICATE],
]

export function explainSilence(
  { code, message }: { code: string; message: string },
  host: string,
  timeoutMs: number,
): Result {
  if (code === 'TIMEOUT') return wrong(`${host} gave no answer within ${seconds(timeoutMs)}.`, SLOW, TAIL)
  const [, evidence, remedy] = SILENCES.find(([pattern]) => pattern.test(code)) ?? []
  if (evidence === undefined) return wrong(`${host} gave no answer: ${message} (${code}).`, NETWORK)
  return wrong(`${evidence.replace('HOST', host)} (${code})`, remedy)
}

const FIREWALL: Fix = [
  'Skip it for callbacks: docs/deploying.md, "Firewall and Access". Security > Events shows what it did. It may treat ZEGOCLOUD differently from this machine.',
]
const NO_WORKER: Fix = [
  'Deploy, and use the URL that is printed at the end. `workers_dev` must be true for it.',
  DEPLOY,
]
const ACCESS: Fix = [
  'Add a second self-hosted application with the path zego/callback and a policy Bypass for everyone: docs/deploying.md, "Firewall and Access".',
]
const NO_MORE_TODAY =
  'The count starts again at 00:00 UTC. Until then callbacks are lost; the paid plan has no such limit.'
const OTHER_SITE = 'Another site, a parking page or a proxy answers here. `npx wrangler deploy` prints the right URL.'

/** Cloudflare's own error pages, by the numbers on them. */
const ERRORS: [numbers: string, says: string, ...Fix][] = [
  ['1006 1007 1008', 'the address of this machine is blocked', ...FIREWALL],
  ['1009', 'the country of this machine is blocked', ...FIREWALL],
  ['1010', 'Browser Integrity Check refuses this client', ...FIREWALL],
  ['1012', 'this client is refused', ...FIREWALL],
  ['1015', 'a rate limit is reached', ...FIREWALL],
  ['1020', 'a firewall rule refuses the request', ...FIREWALL],
  ['1027', "the free plan's requests of the day are used up", NO_MORE_TODAY],
  ['1042', 'there is no such Worker, or its workers.dev address is turned off', ...NO_WORKER],
  ['1101', 'the Worker threw an exception', 'Its log says which:', TAIL],
  ['1102', 'the Worker used more CPU time than it may', 'Its log:', TAIL],
]

/** Everything else, by its words without tags. The first that fits explains it. */
const SIGNS: [fits: (reply: Reply, words: string) => boolean, says: string, ...Fix][] = [
  [isAccess, 'Cloudflare Access refuses. ZEGOCLOUD cannot sign in.', ...ACCESS],
  [isChallenge, 'a page that asks whether a human is there. ZEGOCLOUD cannot answer it.', ...FIREWALL],
  [isBlocked, "a firewall's page in the Worker's place.", ...FIREWALL],
  [(_, words) => /There is nothing here yet/i.test(words), 'there is no Worker at this address.', ...NO_WORKER],
  [
    ({ status, headers }) => status === 401 && /^(?:basic|digest|negotiate)/i.test(loginOf(headers)),
    'something before the Worker asks for a password. ZEGOCLOUD has none.',
    'Let /zego/callback pass without one.',
  ],
  [
    ({ status, json }) => json['code'] === undefined && (status === 403 || status === 429),
    'something before the Worker refuses.',
    ...FIREWALL,
  ],
  [({ text }) => isPage(text), "a web page in the Worker's place.", OTHER_SITE],
]

/** What stands in the way; `undefined` where an answer looks like a program's. */
export function obstacleIn(reply: Reply): Obstacle | undefined {
  const words = wordsOf(reply.text)
  const result = redirect(reply) ?? errorPage(reply, words) ?? otherPage(reply, words)
  return result && new Obstacle(result, reply.status)
}

function redirect({ status, headers }: Reply): Result | undefined {
  const location = headers.get('location')
  if (status < 300 || status > 399 || location === null) return undefined
  if (/\.cloudflareaccess\.com(?:[/:?]|$)|\/cdn-cgi\/access\//i.test(location)) {
    return wrong(`${status}: a redirect to the login of Cloudflare Access. ZEGOCLOUD cannot sign in.`, ...ACCESS)
  }
  // The path and the query of a location may hold the path token.
  const { protocol, origin } = URL.canParse(location) ? new URL(location) : {}
  const to = origin ?? 'another path of the same host'
  return wrong(
    `${status}: a redirect to ${to}. ZEGOCLOUD counts a 3xx as a failure.`,
    protocol === 'https:'
      ? `Give ZEGOCLOUD a URL that begins with ${to}, and run this again with it.`
      : 'Remove the rule that redirects, or give ZEGOCLOUD the URL that it leads to.',
  )
}

function errorPage({ status }: Reply, words: string): Result | undefined {
  const number = /\berror(?: code)?:? *(1\d{3})\b/i.exec(words)?.[1]
  if (status < 400 || number === undefined) return undefined
  const [, says, ...fix] = ERRORS.find(([numbers]) => numbers.includes(number)) ?? []
  if (says !== undefined) return wrong(`${status}, error ${number}: ${says}.`, ...fix)
  const remedy = `Cloudflare's documentation says what error ${number} means.`
  return wrong(`${status}: Cloudflare's error ${number} in the Worker's place.`, remedy)
}

function otherPage(reply: Reply, words: string): Result | undefined {
  const [, says, ...fix] = SIGNS.find(([fits]) => fits(reply, words)) ?? []
  return says === undefined ? undefined : wrong(`${reply.status}: ${says}`, ...fix)
}

function isAccess({ status, headers, text }: Reply): boolean {
  const isNamed = [...headers.keys()].some((name) => name.startsWith('cf-access-'))
  const isOnPage = isPage(text) && /cloudflareaccess\.com/i.test(text)
  return status >= 400 && (isNamed || isOnPage || /cloudflare-access/i.test(loginOf(headers)))
}

function isChallenge({ headers, text }: Reply): boolean {
  return headers.get('cf-mitigated') === 'challenge' || (isPage(text) && /<title>\s*Just a moment/i.test(text))
}

function isBlocked({ status }: Reply, words: string): boolean {
  return status >= 400 && /Attention Required!|Sorry, you have been blocked/i.test(words)
}

const loginOf = (headers: Headers) => headers.get('www-authenticate') ?? ''

const isPage = (text: string) => /^\s*(?:<!doctype html|<html|<head|<body)/i.test(text)

function wordsOf(text: string): string {
  const shown = isPage(text) ? text.replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ') : text
  return shown.replace(/\s+/g, ' ')
}
