/** One examination: whom, with which secrets, and what the checks so far have learned and left. */
import { randomBytes } from 'node:crypto'
import { callbackFor, encode, stamp, type Callback, type Encoding } from '../zegocloud.ts'
import type { Finding } from './finding.ts'
import { appidOf, secretsFor, GivenError, type Given } from './given.ts'
import { obstacle } from './obstacle.ts'
import { ask, isSilence, textIn, wordOf, type Reply, type Silence } from './reply.ts'
import { aboutSilence } from './silence.ts'
import type { Target } from './target.ts'

/** No snapshot: it is acknowledged and kept aside, and no consumer ever sees it. */
const EVENT = 'zego_snapshots_test'

/** A host that does not exist: nobody is to fetch these. The query has what decoding once too often would change. */
const PICTURES_AT = 'https://pictures.invalid'

export type Options = {
  target: Target
  given: Given
  /** The app that the user named. */
  appid?: string | undefined
  publish?: boolean
  /** Asked for only where the Worker wants one and the URL has none. */
  askPathToken?: (() => Promise<string>) | undefined
  /** The ServerSecret, asked for only where it would tell something. */
  askServerSecret?: (() => Promise<readonly string[]>) | undefined
  /** For one answer. */
  timeoutMs?: number
  /** For what the Worker does after an answer: publishing, and keeping what it refused. */
  patienceMs?: number
}

/** Longer than the Worker ever takes. */
const TIMEOUT_MS = 20_000
const PATIENCE_MS = 10_000

export type Case = Required<Pick<Options, 'target' | 'given' | 'publish' | 'timeoutMs' | 'patienceMs'>> & {
  appid: string
  isAppNamed: boolean
  secret: string
  otherSecrets: readonly string[]
  askPathToken: (() => Promise<string>) | undefined
  serverSecrets: () => Promise<readonly string[]>
  /** What is sent, in one variant or another. Its task_id is in everything that is left of it. */
  callback: Callback
  /** The Worker's clock, as far as signing needs it, in seconds ahead of ours. */
  ahead: number
  /** The first that was taken, as it was sent, and its id in the quarantine. */
  taken: { callback: Callback; id: string } | undefined
  /** Whether the API token opens /v1. */
  canRead: boolean
  /** In the quarantine: ids that are known, and reasons for which something else was kept. */
  kept: { ids: Set<string>; reasons: Set<string> }
}

export function open(options: Options): Case {
  const { target, given, appid: named, publish = false, askServerSecret } = options
  const { timeoutMs = TIMEOUT_MS, patienceMs = PATIENCE_MS } = options
  const appid = appidOf(given, named)
  const [secret, ...otherSecrets] = secretsFor(given.secrets, appid)
  if (secret === undefined) throw new GivenError(`ZEGO_CALLBACK_SECRET holds no secret for the app ${appid}`)
  const serverSecrets = secretsFor(given.serverSecrets, appid)
  const task_id = `zego-snapshots-doctor-${randomBytes(8).toString('hex')}`
  return {
    target,
    given,
    publish,
    timeoutMs,
    patienceMs,
    appid,
    isAppNamed: named !== undefined || given.secrets.byApp.size > 0,
    secret,
    otherSecrets,
    askPathToken: options.askPathToken,
    serverSecrets: async () => (serverSecrets.length > 0 ? serverSecrets : ((await askServerSecret?.()) ?? [])),
    callback: callbackFor({ secret, appid, task_id, event: EVENT, pictures: 2, picturesAt: PICTURES_AT }),
    ahead: 0,
    taken: undefined,
    canRead: false,
    kept: { ids: new Set(), reasons: new Set() },
  }
}

/** A fresh signature by the Worker's clock. */
export const stampFor = ({ ahead }: Case, secret: string) => stamp(secret, Math.floor(Date.now() / 1000) + ahead)

/** These are kept after the answer, which does not tell under which id. */
const KEPT_REFUSALS = ['unknown_app', 'invalid_timestamp', 'stale', 'signature_reused']

/** Sends a callback, and notes what will be left of it. */
export async function send(patient: Case, callback: Callback, encoding: Encoding = 'json'): Promise<Reply | Silence> {
  const { target, timeoutMs, kept } = patient
  const reply = await ask(target.callbackUrl, { method: 'POST', body: encode(callback, encoding), timeoutMs })
  if (isSilence(reply)) return reply
  const word = wordOf(reply) ?? ''
  const id = textIn(reply.json, 'id')
  if (word === 'quarantined' && id !== undefined) kept.ids.add(id)
  if (KEPT_REFUSALS.includes(word)) kept.reasons.add(word)
  if (word === 'accepted') kept.reasons.add('unsupported_event')
  return reply
}

/** The id under which a test callback was kept; `undefined` if anything else became of it. */
export function keptAs(reply: Reply | Silence): string | undefined {
  if (isSilence(reply) || reply.status !== 202 || wordOf(reply) !== 'quarantined') return undefined
  return textIn(reply.json, 'id')
}

/** A question to /v1. */
export function read({ target, given, timeoutMs }: Case, path: string, method = 'GET', more = 0) {
  return ask(`${target.origin}${path}`, { method, apiToken: given.apiToken, timeoutMs: timeoutMs + more })
}

/** A program's answer, or what was there in its place. */
export const answerIn = (heard: Reply | Silence, { target }: Case): Reply | Finding =>
  isSilence(heard) ? aboutSilence(heard, target.host) : (obstacle(heard) ?? heard)

/** Whether somebody chose to let not everyone through: what is meant for monitors and readers may be guarded. */
export const isGuarded = (heard: Reply | Silence) =>
  !isSilence(heard) && (heard.status < 400 || [401, 403, 429].includes(heard.status))

const LONGEST_QUOTE = 300
const SHORTEST_SECRET = 8

/** An answer in a few words: its status, its code, its detail. What was answered never shows a secret that we know. */
export function quote(heard: Reply | Silence, { secret, otherSecrets, target, given }: Case): string {
  if (isSilence(heard)) return 'no answer'
  const detail = textIn(heard.json, 'detail')
  const text = [`${heard.status} ${wordOf(heard) ?? ''}`.trim(), ...(detail === undefined ? [] : [detail])].join(': ')
  return [secret, ...otherSecrets, target.pathToken, given.apiToken]
    .filter((known) => known !== undefined && known.length >= SHORTEST_SECRET)
    .reduce<string>((shown, known) => shown.replaceAll(known ?? '', '…'), text)
    .slice(0, LONGEST_QUOTE)
}
