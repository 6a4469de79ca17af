/** A signed test callback; where it is refused, the reason. */
import { textIn, wordIn } from '../lib/members.ts'
import { type Context, isTaken, quote, send } from './context.ts'
import type { Reply } from './obstacle.ts'
import { DEPLOY, type Fix, put, type Result, TAIL, well, wrong } from './result.ts'

const PUT_SECRET = put('ZEGO_CALLBACK_SECRET')
const RIGHT_SECRET = "the CallbackSecret of ZEGOCLOUD's console (Project Configuration)"

export async function checkSigned(context: Context): Promise<Result> {
  const reply = await send(context)
  return isTaken(reply) ? taken(context, reply) : refused(context, reply)
}

function taken({ secret, serverSecrets }: Context, { ms }: Reply): Result {
  if (serverSecrets.includes(secret)) {
    const evidence = 'The Worker accepts it, but the CallbackSecret given here is the ServerSecret.'
    const remedy = `ZEGOCLOUD signs with the CallbackSecret, so its callbacks are refused. Set ${RIGHT_SECRET}:`
    return wrong(evidence, remedy, PUT_SECRET)
  }
  return well(`202: its signature is right, and D1 has it. It took ${Math.round(ms)} ms.`)
}

const CHANGED =
  'It was correct when it was sent. Something between here and the Worker changes bodies: a proxy, or a Worker on the same route.'

function refused(context: Context, reply: Reply): Result | Promise<Result> {
  const word = wordIn(reply.json) ?? ''
  const evidence = quote(reply, context)
  if (word === 'bad_signature') return whyNoSecretFits(context)
  if (word === 'unknown_app') return unknownApp(context)
  if (word === 'stale') return stale(context, reply)
  const setting = textIn(reply.json, 'setting')
  if (setting === 'SIGNATURE_TOLERANCE_SECONDS')
    return wrong(evidence, 'Fix it under [vars] in wrangler.toml, and deploy:', DEPLOY)
  const which = setting === 'ZEGO_CALLBACK_SECRET' ? 'It is the CallbackSecret, not the ServerSecret. ' : ''
  if (setting !== undefined)
    return wrong(evidence, `${which}Until it is set, every callback is answered 503:`, put(setting))
  if (word === 'accepted')
    return wrong(`${evidence} It is durable, but D1 did not take it in time; it reaches D1 later.`, 'The log:', TAIL)
  return [400, 413].includes(reply.status) ? wrong(evidence, CHANGED) : wrong(evidence, 'The log:', TAIL)
}

/** The secret is one of the Worker's, under another appid. */
function unknownApp({ appid, isAppNamed, target }: Context): Result {
  const known = `401 unknown_app: the Worker has this secret, but not for the app ${appid}.`
  if (!isAppNamed) {
    const command = `npm run doctor -- ${target.shown} --appid <AppID>`
    return wrong(known, 'The Worker has its secrets by app. Name the app of this secret:', command)
  }
  const remedy = `Either it is another app's secret, or the Worker lacks this app: add {"${appid}":"…"} to the others.`
  return wrong(known, remedy, PUT_SECRET)
}

/** Clocks are compared in whole seconds, and an answer takes its time. */
const SAME_CLOCK_SECONDS = 5

function stale(context: Context, reply: Reply): Result {
  const behind = Number(reply.json['age_seconds'])
  const evidence = quote(reply, context)
  if (Math.abs(behind) <= SAME_CLOCK_SECONDS) {
    const remedy = 'SIGNATURE_TOLERANCE_SECONDS in wrangler.toml is too small: without it, it is 600. Then deploy:'
    return wrong(`${evidence} The two clocks agree.`, remedy, DEPLOY)
  }
  const clocks = `The clock here is ${Math.abs(behind)} s ${behind > 0 ? 'behind' : 'ahead of'} the Worker's.`
  return wrong(`${evidence} ${clocks}`, "Set this machine's clock, and run this again. ZEGOCLOUD signs by its own.")
}

type Candidate = readonly [secret: string, evidence: string, ...Fix]

/** Secrets that the Worker may have instead, the likely ones first. */
function candidates({ secret, otherSecrets, serverSecrets }: Context): Candidate[] {
  const replace = [`Replace it with ${RIGHT_SECRET}:`, PUT_SECRET] as const
  const inPlace = 'The Worker has the ServerSecret where the CallbackSecret belongs.'
  const setAll = ['Set all as a JSON array, before ZEGOCLOUD signs with the first:', PUT_SECRET] as const
  const first = 'The Worker does not have the first of the secrets that were given, but number'
  return [
    ...serverSecrets.map((other): Candidate => [other, inPlace, ...replace]),
    ...otherSecrets.map((other, index): Candidate => [other, `${first} ${index + 2}.`, ...setAll]),
    ...surrounded(secret).map(([other, what]): Candidate => {
      return [other, `The Worker has this secret with ${what} around it.`, 'Set it without:', PUT_SECRET]
    }),
  ]
}

/** What a shell, an editor or a copy from somewhere adds. */
const surrounded = (secret: string): [string, string][] => [
  [`"${secret}"`, 'double quotes'],
  [`'${secret}'`, 'single quotes'],
  [`${secret}\n`, 'a line break'],
  [`${secret}\r\n`, 'a line break of Windows'],
  [`${secret}\\n`, 'the two characters \\n'],
  [` ${secret}`, 'a space'],
  [`${secret} `, 'a space'],
]

async function whyNoSecretFits(context: Context): Promise<Result> {
  const { serverSecrets } = context
  if (serverSecrets.includes(context.secret)) {
    const evidence = '401 bad_signature: the CallbackSecret given here is the ServerSecret.'
    return wrong(evidence, `Run this again with ${RIGHT_SECRET}.`)
  }
  const tried = new Set([context.secret])
  for (const [secret, ...explanation] of candidates(context)) {
    if (tried.has(secret)) continue
    tried.add(secret)
    const reply = await send(context, secret)
    // A secret of another app is the Worker's, too.
    if (isTaken(reply) || ['unknown_app', 'accepted'].includes(wordIn(reply.json) ?? '')) return wrong(...explanation)
  }
  const evidence = `401 bad_signature: the Worker has another secret, and none of the ${tried.size} that were tried.`
  const usual =
    'Often it is the ServerSecret: with ZEGO_SERVER_SECRET in the environment, doctor can tell. Otherwise copy'
  return wrong(evidence, `${serverSecrets.length > 0 ? 'Copy' : usual} ${RIGHT_SECRET}, and set it:`, PUT_SECRET)
}
