/** Whether requests reach the Worker, how it says it is, and what came so far. */
import { type Members, membersOf, textIn, wordIn } from '../lib/members.ts'
import { REFUSALS } from '../../src/callback/refusal.ts'
import { type Context, quote, read, request } from './context.ts'
import { targetOf } from './given.ts'
import { obstacleOf, type Reply } from './obstacle.ts'
import { note, put, type Result, skipped, TAIL, well, wrong } from './result.ts'

/** A GET: it stores nothing, and the Worker answers it 405 where it takes a POST. */
export async function checkUrl(context: Context): Promise<Result> {
  const reply = await request(context, context.target.callbackUrl)
  if (reply.status === 404 && wordIn(reply.json) === 'not_found') {
    return (await askForToken(context)) ? checkUrl(context) : wrongPathToken(context)
  }
  if (isReceiver(reply)) return reached(context, reply)
  const evidence = `Something answers there, and it is not this Worker: ${quote(reply, context)}`
  return wrong(evidence, '`npm run deploy` prints the right URL.')
}

const isReceiver = (reply: Reply) => reply.status === 405 && wordIn(reply.json) === 'method_not_allowed'

/** Whether the URL has a path token now and had none before. */
async function askForToken(context: Context): Promise<boolean> {
  const { target, ask } = context
  if (target.pathToken !== undefined) return false
  const typed = (await ask?.('The Worker requires a path token (not shown; Enter: skip): '))?.trim()
  if (typed) context.target = targetOf(target.callbackUrl, typed)
  return Boolean(typed)
}

function wrongPathToken({ target }: Context): Result {
  if (target.pathToken === undefined) {
    const remedy =
      'Run this with the whole URL, or with CALLBACK_PATH_TOKEN in the environment. If ZEGOCLOUD has the short URL, give it the long one: /zego/callback/<token>.'
    return wrong('404 not_found: the Worker requires a path token, and the URL has none.', remedy)
  }
  const remedy = 'If ZEGOCLOUD has this token, set it (several: a JSON array). Otherwise use the right one:'
  return wrong("404 not_found: the path token is not the Worker's.", remedy, put('CALLBACK_PATH_TOKEN'))
}

async function reached(context: Context, { ms }: Reply): Promise<Result> {
  const { isLocal, origin, pathToken } = context.target
  const answered = `The Worker answers, in ${Math.round(ms)} ms.`
  if (!isLocal && origin.startsWith('http:')) {
    const evidence = `${answered} Over http:// everybody on the way can read the path token and the callbacks.`
    return note(evidence, 'Give ZEGOCLOUD the URL with https://.')
  }
  if (pathToken === undefined) return well(`${answered} It requires no path token.`)
  const withoutToken = await request(context, `${origin}/zego/callback`).catch(obstacleOf)
  if (withoutToken.status !== 405) return well(`${answered} The path token is right.`)
  const evidence = `${answered} The URL has a path token that the Worker does not require.`
  return note(evidence, 'Once callbacks arrive with it, set it on the Worker:', put('CALLBACK_PATH_TOKEN'))
}

const PARTS: Record<string, string> = {
  settings: 'a setting cannot be read',
  d1: 'D1 does not answer',
  publishing: 'an event has waited for over 15 minutes',
  kv: 'KV is late',
  aside: 'callbacks wait for D1',
  callbacks: 'callbacks are refused',
}

export async function checkHealth(context: Context): Promise<Result> {
  const reply = await request(context, `${context.target.origin}/healthz`)
  const parts = partsOf(reply)
  if (reply.status === 200 && wordIn(reply.json) === 'ok') return well('The Worker is well.')
  if (reply.status === 200 && wordIn(reply.json) === 'degraded') return note(`The Worker is degraded: ${parts}.`)
  if (wordIn(reply.json) !== 'unhealthy') return wrong(`This is not an answer of this Worker: ${quote(reply, context)}`)
  return wrong(`Someone should look: ${parts}.`, "The dashboard's health page says more, and the log:", TAIL)
}

function partsOf({ json }: Reply): string {
  const parts: unknown[] = Array.isArray(json['parts']) ? json['parts'] : []
  return parts.map((part) => `${PARTS[String(part)] ?? 'something'} (${String(part)})`).join(', ')
}

export const NO_TOKEN = skipped('API_TOKEN is not given, so nothing can be read.')

/** Before anything is sent, so that it is about others. */
export async function checkHistory(context: Context): Promise<Result> {
  if (context.given.apiToken === undefined) return NO_TOKEN
  const reply = await read(context, '/v1/status')
  if (wordIn(reply.json) === 'unauthorized') {
    const remedy = 'Enter the token that the Worker has, or set another. Callbacks are accepted without it.'
    return wrong('401 unauthorized: the Worker has another API_TOKEN.', remedy, put('API_TOKEN'))
  }
  if (wordIn(reply.json) === 'not_configured') {
    return note(quote(reply, context), 'To read over HTTP, and for the dashboard:', put('API_TOKEN'))
  }
  if (reply.status !== 200) return wrong(`/v1/status was answered ${quote(reply, context)}`)
  context.canRead = true
  return history(reply, Date.now() + (reply.ahead ?? 0) * 1000)
}

const DAY_MS = 86_400_000

const WHOSE = "They may be ZEGOCLOUD's; the checks below look for the cause."
const ACCEPTED_LATER = 'Once the right secret is set, the Worker accepts the authentic ones in quarantine by itself.'

function history({ json }: Reply, now: number): Result {
  const last = textIn(membersOf(json['last_callback']), 'received_at')
  const came = last === undefined ? 'No callback has come yet.' : `The last callback came ${ago(last, now)}.`
  const refusals = freshRefusals(membersOf(json['last_refusals']), now)
  const kept = keptIn(membersOf(json['quarantined']))
  const evidence = [`The API token is right. ${came}`]
  if (refusals.length > 0) {
    const told = refusals.map(([code, at]) => `${code} (${REFUSALS[code].title}) ${ago(at, now)}`)
    evidence.push(`Refused: ${told.join(', ')}.`)
  }
  if (kept.length > 0) evidence.push(`Refused and in quarantine: ${kept.join(', ')}.`)
  if (evidence.length === 1) return well(evidence.join(' '))
  const remedy = kept.length > 0 ? `${WHOSE} ${ACCEPTED_LATER}` : WHOSE
  // What doctor sends counts neither as accepted nor as refused: these are ZEGOCLOUD's, or a stranger's.
  const isFirstContact = last === undefined && refusals.some(([code]) => code === 'bad_signature')
  return isFirstContact ? wrong(evidence.join(' '), `${OTHER_SECRET} ${remedy}`) : note(evidence.join(' '), remedy)
}

const OTHER_SECRET =
  "None was ever accepted: also if the callback below is, compare both secrets with the CallbackSecret of ZEGOCLOUD's console."

type Code = keyof typeof REFUSALS

/** Of the last day. A reused signature is refused as it should be. */
const freshRefusals = (lastRefusals: Members, now: number) =>
  Object.entries(lastRefusals).filter(
    (refusal): refusal is [Code, string] =>
      refusal[0] in REFUSALS && refusal[0] !== 'signature_reused' && now - Date.parse(String(refusal[1])) < DAY_MS,
  )

/** What could not be verified or read is kept for these reasons. The Worker stops counting early. */
const keptIn = (quarantined: Members): string[] =>
  ['bad_signature', 'not_configured', 'wrong_path', 'undecodable'].flatMap((reason) => {
    const { count, exact } = membersOf(quarantined[reason])
    return typeof count === 'number' && count > 0 ? `${count}${exact === false ? ' or more' : ''} as ${reason}` : []
  })

function ago(at: string, now: number): string {
  const minutes = Math.round((now - Date.parse(at)) / 60_000)
  if (minutes < 1) return 'less than a minute ago'
  if (minutes < 120) return `${minutes} min ago`
  return minutes < 2880 ? `${Math.round(minutes / 60)} h ago` : `${Math.round(minutes / 1440)} days ago`
}
