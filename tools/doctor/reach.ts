/** Whether requests reach the Worker, how it says it is, and what came so far. */
import { type Members, membersOf, textIn, wordIn } from '../lib/members.ts'
import { isRefusalCode, type RefusalCode, REFUSALS } from '../../src/callback/refusal.ts'
import { type Context, quote, read, request } from './context.ts'
import type { Reply } from './obstacle.ts'
import { note, put, type Result, skipped, TAIL, well, wrong } from './result.ts'

/** A GET: it stores nothing, and the Worker answers it 405 where it takes a POST. */
export async function checkUrl(context: Context): Promise<Result> {
  const reply = await request(context, context.target.callbackUrl)
  const word = wordIn(reply.json)
  if (reply.status === 404 && word === 'not_found') return wrongPathToken(context)
  if (reply.status === 405 && word === 'method_not_allowed') return well('The Worker answers at this URL.')
  const evidence = `Something answers there, and it is not this Worker: ${quote(reply, context)}`
  return wrong(evidence, '`npm run deploy` prints the right URL.')
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

export async function checkHealth(context: Context): Promise<Result> {
  const reply = await request(context, `${context.target.origin}/healthz`)
  const word = wordIn(reply.json)
  const parts = String(reply.json['parts'])
  const evidence = `The Worker is ${word} (${parts}). docs/operating.md says what that means.`
  if (reply.status === 200 && word === 'ok') return well('The Worker is well.')
  if (reply.status === 200 && word === 'degraded') return note(evidence)
  if (word === 'unhealthy') return wrong(evidence, "The dashboard's health page says more, and the log:", TAIL)
  return wrong(`This is not an answer of this Worker: ${quote(reply, context)}`)
}

/** Before anything is sent, so that it is about others. */
export async function checkHistory(context: Context): Promise<Result> {
  if (context.given.apiToken === undefined) return skipped('API_TOKEN is not given, so nothing can be read.')
  const reply = await read(context, '/v1/status')
  if (wordIn(reply.json) === 'unauthorized') {
    const remedy = 'Enter the token that the Worker has, or set another. Callbacks are accepted without it.'
    return wrong('401 unauthorized: the Worker has another API_TOKEN.', remedy, put('API_TOKEN'))
  }
  if (reply.status !== 200) return note(`/v1/status was answered ${quote(reply, context)}`)
  context.canRead = true
  return history(reply)
}

const DAY_MS = 86_400_000

const REFUSED =
  "They may be ZEGOCLOUD's; the checks below look for the cause. Once the right secret is set, the Worker accepts the authentic ones in quarantine by itself."
const OTHER_SECRET =
  "None was ever accepted: also if the callback below is, compare both secrets with the CallbackSecret of ZEGOCLOUD's console."

function history({ json }: Reply): Result {
  const last = textIn(membersOf(json['last_callback']), 'received_at')
  const refusals = freshRefusals(membersOf(json['last_refusals']))
  const evidence = [
    'The API token is right.',
    last === undefined ? 'No callback has come yet.' : `The last callback came at ${last}.`,
    ...refusals.map(([code, at]) => `Refused at ${String(at)}: ${code} (${REFUSALS[code].title}).`),
  ].join(' ')
  if (refusals.length === 0) return well(evidence)
  // What doctor sends counts neither as accepted nor as refused: these are ZEGOCLOUD's, or a stranger's.
  const isFirstContact = last === undefined && refusals.some(([code]) => code === 'bad_signature')
  return isFirstContact ? wrong(evidence, `${OTHER_SECRET} ${REFUSED}`) : note(evidence, REFUSED)
}

/** Of the last day. A reused signature is refused as it should be. */
const freshRefusals = (lastRefusals: Members) =>
  Object.entries(lastRefusals).filter(
    (refusal): refusal is [RefusalCode, unknown] =>
      isRefusalCode(refusal[0]) &&
      refusal[0] !== 'signature_reused' &&
      Date.now() - Date.parse(String(refusal[1])) < DAY_MS,
  )
