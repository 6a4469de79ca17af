/** What the checks share: the Worker and how to ask it, the secrets, and what the checks so far have learned and left. */
import { randomBytes } from 'node:crypto'
import { secretsFor } from '../lib/dev-vars.ts'
import { membersIn, textIn, wordIn } from '../lib/members.ts'
import { type Body, callbackFor, encode, headersOf, stamp, type Callback } from '../zegocloud/callback.ts'
import { type CommandLine, gather, GivenError, serverSecretsOf, type Sources, targetOf } from './given.ts'
import { explainSilence, Obstacle, obstacleIn, type Reply } from './obstacle.ts'

/** No snapshot: it is acknowledged and quarantined, and no consumer ever sees it. */
const EVENT = 'zego_snapshots_test'

/** A host that does not exist, because nobody should fetch these. Their query changes when it is decoded once too often. */
const PICTURES_AT = 'https://pictures.invalid'

/** In milliseconds: for one answer, and for what the Worker does after it, such as publishing. Both are generous. */
const LIMITS = { timeoutMs: 20_000, patienceMs: 10_000 }

export type Context = Awaited<ReturnType<typeof prepare>>

/** From what was typed and given to what the checks need. `readLocal` is called only for the Worker of `npm start`. */
export async function prepare(
  { url, appid: named }: CommandLine,
  { env, ask, readLocal }: Omit<Sources, 'local'> & { readLocal: () => Sources['local'] },
  limits = LIMITS,
) {
  const { isLocal } = targetOf(url) // throws at a mistake in it, before anything is asked
  const given = await gather({ env, ask, local: isLocal ? readLocal() : undefined })
  const { secrets, serverSecrets } = given
  const appid = named ?? [...secrets.byApp.keys(), ...serverSecrets.byApp.keys()][0] ?? '12345'
  const [secret, ...otherSecrets] = secretsFor(secrets, appid)
  if (secret === undefined) throw new GivenError(`ZEGO_CALLBACK_SECRET holds no secret for the app ${appid}`)
  const task_id = `zego-snapshots-doctor-${randomBytes(8).toString('hex')}`
  return {
    ...limits,
    target: targetOf(url, given.pathToken),
    given,
    ask,
    appid,
    isAppNamed: named !== undefined || secrets.byApp.size > 0,
    secret,
    otherSecrets,
    /** What is sent, in one variant or another. Its task_id is in everything that is left of it. */
    callback: callbackFor({ secret, appid, task_id, event: EVENT, pictures: 2, picturesAt: PICTURES_AT }),
    /** How many seconds the Worker's clock is ahead of ours, as far as signing needs to know. */
    ahead: 0,
    /** The first that was taken, as it was sent, and its id in the quarantine. */
    taken: undefined as { callback: Callback; id: string } | undefined,
    /** Whether the API token opens /v1. */
    canRead: false,
    /** In the quarantine: known ids, and reasons for which something else was kept. */
    left: { ids: new Set<string>(), reasons: new Set<string>() },
  }
}

const SERVER_SECRET_QUESTION =
  'The secret does not fit. Type the ServerSecret to see whether the Worker has it instead (not shown; Enter: skip): '

/** The ServerSecrets of the app. The user is asked only where they matter. */
export async function serverSecretsFor({ given, ask, appid }: Context): Promise<readonly string[]> {
  const known = secretsFor(given.serverSecrets, appid)
  return known.length > 0 ? known : secretsFor(serverSecretsOf(await ask?.(SERVER_SECRET_QUESTION)), appid)
}

type Question = { method?: string; body?: Body; apiToken?: string | undefined }

/** One request as a stranger makes it. It throws an `Obstacle` where anything but the Worker answers. */
export async function request({ target, timeoutMs }: Context, url: string, question: Question = {}): Promise<Reply> {
  const { method = 'GET', body, apiToken } = question
  const authorization = apiToken === undefined ? {} : { authorization: `Bearer ${apiToken}` }
  const signal = AbortSignal.timeout(timeoutMs)
  const headers = { ...(body && headersOf(body)), ...authorization }
  const init = { method, headers, signal, redirect: 'manual' as const, ...(body && { body: body.bytes }) }
  const reply = await fetchReply(url, init).catch((error: unknown) => {
    throw new Obstacle(explainSilence(reasonOf(error), target.host, timeoutMs))
  })
  const obstacle = obstacleIn(reply)
  if (obstacle) throw obstacle
  return reply
}

async function fetchReply(url: string, init: RequestInit): Promise<Reply> {
  const [began, sentAt] = [performance.now(), Date.now()]
  const response = await fetch(url, init)
  const { status, headers } = response
  const ahead = aheadOf(headers.get('date'), (sentAt + Date.now()) / 2)
  const text = await response.text()
  return { status, headers, text, json: membersIn(text), ms: performance.now() - began, ahead }
}

/** The header has whole seconds, so half a second is added: on average that is the time. */
function aheadOf(date: string | null, now: number): number | undefined {
  const theirs = Date.parse(date ?? '')
  return Number.isNaN(theirs) ? undefined : Math.round((theirs + 500 - now) / 1000)
}

/** `fetch` hides the reason behind "fetch failed", and several addresses behind one error. */
function reasonOf(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: 'UNKNOWN', message: String(error) }
  if (error.name === 'TimeoutError') return { code: 'TIMEOUT', message: error.message }
  if (error instanceof AggregateError) return reasonOf(error.errors[0])
  if (error.cause instanceof Error) return reasonOf(error.cause)
  return { code: 'code' in error ? String(error.code) : error.name, message: error.message }
}

/** A request to /v1. */
export const read = (context: Context, path: string, method = 'GET') =>
  request(context, `${context.target.origin}${path}`, { method, apiToken: context.given.apiToken })

/** A fresh signature by the Worker's clock. */
export const stampFor = ({ ahead, secret }: Context) => stamp(secret, Math.floor(Date.now() / 1000) + ahead)

/** What is refused with one of these is kept after the answer, which does not say under which id. */
const KEPT_STATUSES = [400, 401, 409]

/** Sends a callback, and notes what it leaves. */
export async function send(context: Context, callback: Callback): Promise<Reply> {
  const { target, left } = context
  const reply = await request(context, target.callbackUrl, { method: 'POST', body: encode(callback, 'json') })
  const word = wordIn(reply.json)
  const id = idOf(reply)
  if (id !== undefined) left.ids.add(id)
  if (word && (KEPT_STATUSES.includes(reply.status) || word === 'not_configured')) left.reasons.add(word)
  if (word === 'accepted') left.reasons.add('unsupported_event')
  return reply
}

/** The id under which a test callback was quarantined; `undefined` if it was not. */
export const idOf = (reply: Reply): string | undefined =>
  reply.status === 202 && wordIn(reply.json) === 'quarantined' ? textIn(reply.json, 'id') : undefined

const LONGEST_QUOTE = 300
const SHORTEST_SECRET = 8

/** An answer as a short sentence: its status, code and detail. It never shows a secret that we know. */
export function quote(reply: Reply, { secret, otherSecrets, target, given }: Context): string {
  const detail = textIn(reply.json, 'detail')
  const text = `${`${reply.status} ${wordIn(reply.json) ?? ''}`.trim()}${detail === undefined ? '.' : `: ${detail}`}`
  return [secret, ...otherSecrets, target.pathToken, given.apiToken]
    .filter((known) => known !== undefined && known.length >= SHORTEST_SECRET)
    .reduce<string>((shown, known) => shown.replaceAll(known ?? '', '…'), text)
    .slice(0, LONGEST_QUOTE)
}
