/** What the checks share: the Worker and how to ask it, the secrets, and what the checks so far have learned and left. */
import { randomBytes } from 'node:crypto'
import { secretsFor } from '../lib/dev-vars.ts'
import { membersIn, textIn, wordIn } from '../lib/members.ts'
import { callbackFor, encode, headersOf, stamp, type Callback } from '../zegocloud/callback.ts'
import { type CommandLine, gather, GivenError, type Sources, targetOf } from './given.ts'
import { obstacleIn, type Reply, silence } from './obstacle.ts'

/** No snapshot: it is acknowledged and quarantined, and no consumer ever sees it. */
const EVENT = 'zego_snapshots_test'

/** A host that does not exist, because nobody should fetch these. */
const PICTURES_AT = 'https://pictures.invalid'

/** In milliseconds: for one answer, and for what the Worker keeps after it. Both are generous. */
const LIMITS = { timeoutMs: 20_000, patienceMs: 10_000 }

export type Context = Awaited<ReturnType<typeof prepare>>

/** From what was typed and given to what the checks need. */
export async function prepare({ url, appid: named }: CommandLine, sources: Sources, limits = LIMITS) {
  const { isLocal } = targetOf(url) // throws at a mistake in it, before anything is asked
  const given = await gather(isLocal ? sources : { ...sources, local: {} })
  const { secrets, serverSecrets } = given
  const appid = named ?? [...secrets.byApp.keys(), ...serverSecrets.byApp.keys()][0] ?? '12345'
  const [secret] = secretsFor(secrets, appid)
  if (secret === undefined) throw new GivenError(`ZEGO_CALLBACK_SECRET holds no secret for the app ${appid}`)
  const task_id = `zego-snapshots-doctor-${randomBytes(8).toString('hex')}`
  return {
    ...limits,
    target: targetOf(url, given.pathToken),
    given,
    appid,
    secret,
    serverSecrets: secretsFor(serverSecrets, appid),
    /** What is sent, signed with one secret or another. Its task_id is in everything that is left of it. */
    callback: callbackFor({ secret, appid, task_id, event: EVENT, pictures: 2, picturesAt: PICTURES_AT }),
    /** The first that was taken, as it was sent, and its id in the quarantine. */
    taken: undefined as { callback: Callback; id: string } | undefined,
    /** Whether the API token opens /v1. */
    canRead: false,
    /** The reasons for which something was kept in the quarantine. */
    left: new Set<string>(),
  }
}

/** One request as a stranger makes it. It throws an `Obstacle` where anything but the Worker answers. */
export async function request({ target, timeoutMs }: Context, url: string, init: RequestInit = {}): Promise<Reply> {
  const strictly = { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) } as const
  const reply = await replyTo(url, { ...init, ...strictly }).catch((error: unknown) => {
    throw silence(error, target.host)
  })
  const obstacle = obstacleIn(reply)
  if (obstacle) throw obstacle
  return reply
}

async function replyTo(url: string, init: RequestInit): Promise<Reply> {
  const response = await fetch(url, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: membersIn(text) }
}

/** A request to /v1. */
export function read(context: Context, path: string, method = 'GET') {
  const headers = { authorization: `Bearer ${context.given.apiToken}` }
  return request(context, `${context.target.origin}${path}`, { method, headers })
}

/** What is refused with one of these is kept after the answer, which does not say under which id. */
const KEPT_STATUSES = [400, 401, 409]

/** Sends the test callback, freshly signed, and notes what it leaves. */
export async function send(context: Context, secret = context.secret): Promise<Reply> {
  const callback = { ...context.callback, ...stamp(secret) }
  const body = encode(callback, 'json')
  const init = { method: 'POST', headers: headersOf(body), body: body.bytes }
  const reply = await request(context, context.target.callbackUrl, init)
  const word = wordIn(reply.json) ?? ''
  if (KEPT_STATUSES.includes(reply.status) || word === 'not_configured') context.left.add(word)
  if (isTaken(reply) || word === 'accepted') context.left.add('unsupported_event')
  if (isTaken(reply)) context.taken ??= { callback, id: textIn(reply.json, 'id') ?? '' }
  return reply
}

/** Whether a test callback was verified, and kept. */
export const isTaken = ({ status, json }: Reply) => status === 202 && wordIn(json) === 'quarantined'

const SHORTEST_SECRET = 8

/** An answer as a short sentence: its status, code and detail. It never shows a secret that we know. */
export function quote(reply: Reply, { secret, target, given }: Context): string {
  const detail = textIn(reply.json, 'detail')
  const text = `${`${reply.status} ${wordIn(reply.json) ?? ''}`.trim()}${detail === undefined ? '.' : `: ${detail}`}`
  return [secret, target.pathToken, given.apiToken]
    .filter((known) => known !== undefined && known.length >= SHORTEST_SECRET)
    .reduce<string>((shown, known) => shown.replaceAll(known ?? '', '…'), text)
}
