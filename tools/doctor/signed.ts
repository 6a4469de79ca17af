/** A signed test callback; where it is refused, the reason. */
import { wordIn } from '../lib/members.ts'
import { type Context, idOf, quote, send, serverSecretsFor, stampFor } from './context.ts'
import { secretsFor } from '../lib/dev-vars.ts'
import type { Reply } from './obstacle.ts'
import { DEPLOY, type Fix, note, put, type Result, seconds, TAIL, well, wrong } from './result.ts'

const PUT_SECRET = put('ZEGO_CALLBACK_SECRET')
const RIGHT_SECRET = "the CallbackSecret of ZEGOCLOUD's console (Project Configuration)"

/** The Worker's own limit for an answer. */
const SLOW_MS = 5_000

export async function checkSigned(context: Context): Promise<Result> {
  const reply = await sendSigned(context)
  return context.taken ? taken(context, reply) : refused(context, reply)
}

async function sendSigned(context: Context): Promise<Reply> {
  const callback = { ...context.callback, ...stampFor(context) }
  const reply = await send(context, callback)
  const id = idOf(reply)
  if (id !== undefined) context.taken = { callback, id }
  return reply
}

function taken({ secret, given, appid }: Context, { ms }: Reply): Result {
  if (secretsFor(given.serverSecrets, appid).includes(secret)) {
    const evidence = 'The Worker accepts it, but the CallbackSecret given here is the ServerSecret.'
    const remedy = `ZEGOCLOUD signs with the CallbackSecret, so its callbacks are refused. Set ${RIGHT_SECRET}:`
    return wrong(evidence, remedy, PUT_SECRET)
  }
  if (ms <= SLOW_MS) return well(`202: its signature is right, and D1 has it. It took ${Math.round(ms)} ms.`)
  const remedy =
    'ZEGOCLOUD does not document how long it waits. The Worker answers within 5 s; its log says what was slow:'
  return note(`It was accepted, but only after ${seconds(ms)}.`, remedy, TAIL)
}

const CHANGED = [
  'It was correct when it was sent.',
  'Something between here and the Worker changes bodies: a proxy, or a Worker on the same route.',
] as const

/** What other answers mean, and what to do. */
const ANSWERS: Record<string, readonly [meaning: string, ...Fix]> = {
  accepted: [
    'It is durable, but D1 did not take it in time. It reaches D1 later.',
    'https://www.cloudflarestatus.com lists outages. The log:',
    TAIL,
  ],
  storage_unavailable: [
    'D1, the queue and KV all failed to take it.',
    'On the free plan a daily limit may be reached until 00:00 UTC. The log:',
    TAIL,
  ],
  undecodable: CHANGED,
  body_too_large: CHANGED,
  invalid_timestamp: CHANGED,
}

function refused(context: Context, reply: Reply): Result | Promise<Result> {
  const word = wordIn(reply.json) ?? ''
  if (word === 'bad_signature') return whyNoSecretFits(context)
  if (word === 'unknown_app') return whyUnknownApp(context)
  if (word === 'stale') return whyStale(context, reply)
  if (word === 'not_configured') return notConfigured(context, reply)
  const [meaning, ...fix] = ANSWERS[word] ?? ['', 'The log:', TAIL]
  return wrong(`It was answered ${quote(reply, context)} ${meaning}`.trim(), ...fix)
}

function notConfigured(context: Context, reply: Reply): Result {
  const setting = reply.json['setting']
  const evidence = quote(reply, context)
  if (typeof setting !== 'string') return wrong(evidence, 'GET / shows what is missing.')
  if (setting === 'SIGNATURE_TOLERANCE_SECONDS') {
    return wrong(evidence, 'Fix it under [vars] in wrangler.toml, and deploy:', DEPLOY)
  }
  const hint = setting === 'ZEGO_CALLBACK_SECRET' ? ' It is the CallbackSecret, not the ServerSecret.' : ''
  return wrong(evidence + hint, 'Until it is set, every callback is answered 503:', put(setting))
}

/** The secret is one of the Worker's, under another appid. */
async function whyUnknownApp(context: Context): Promise<Result> {
  const { appid, given, isAppNamed, target } = context
  const known = `401 unknown_app: the Worker has this secret, but not for the app ${appid}.`
  const others = new Set([...given.secrets.byApp.keys(), ...given.serverSecrets.byApp.keys()])
  others.delete(appid)
  for (const other of others) {
    const reply = await send(context, { ...context.callback, appid: other, ...stampFor(context) })
    if (idOf(reply) === undefined) continue
    const remedy = `Each secret belongs under its own app: {"${appid}":"…","${other}":"…"}`
    return wrong(`${known} It has it for the app ${other}.`, remedy, PUT_SECRET)
  }
  if (!isAppNamed) {
    const command = `npm run doctor -- ${target.shown} --appid <AppID>`
    return wrong(known, 'The Worker has its secrets by app. Name the app of this secret:', command)
  }
  const remedy = `Either it is another app's secret, or the Worker lacks this app: add {"${appid}":"…"} to the others.`
  return wrong(known, remedy, PUT_SECRET)
}

/** Clocks are compared in whole seconds, and an answer takes its time. */
const SAME_CLOCK_SECONDS = 5

/** With the Worker's own time the other checks can still run. */
async function whyStale(context: Context, reply: Reply): Promise<Result> {
  const age = reply.json['age_seconds']
  const ahead = reply.ahead ?? (typeof age === 'number' ? age : 0)
  const evidence = quote(reply, context)
  if (Math.abs(ahead) <= SAME_CLOCK_SECONDS) {
    const remedy = 'SIGNATURE_TOLERANCE_SECONDS in wrangler.toml is too small: without it, it is 600. Then deploy:'
    return wrong(`${evidence} The two clocks agree.`, remedy, DEPLOY)
  }
  const clocks = `The clock here is ${Math.abs(ahead)} s ${ahead > 0 ? 'behind' : 'ahead of'} the Worker's.`
  context.ahead = ahead
  await sendSigned(context)
  if (!context.taken) return wrong(`${evidence} ${clocks}`, "Set this machine's clock.")
  const remedy = "Set this machine's clock. ZEGOCLOUD signs by its own clock, so its callbacks are accepted."
  return note(`401 stale. ${clocks} Signed with the Worker's time it is accepted.`, remedy)
}

type Candidate = readonly [secret: string | undefined, evidence: string, ...Fix]

/** Secrets that the Worker may have instead, the likely ones first. */
function candidates({ secret, otherSecrets, given, target }: Context, serverSecrets: readonly string[]): Candidate[] {
  const replace = [`Replace it with ${RIGHT_SECRET}:`, PUT_SECRET] as const
  const inPlace = 'The Worker has the ServerSecret where the CallbackSecret belongs.'
  const itself = `If that is ${RIGHT_SECRET}, the Worker is right. Give it here without, and run this again.`
  const setAll = ['Set all as a JSON array, before ZEGOCLOUD signs with the first:', PUT_SECRET] as const
  const setBoth = ['Set both again:', PUT_SECRET] as const
  const first = 'The Worker does not have the first of the secrets that were given, but number'
  return [
    ...serverSecrets.map((other): Candidate => [other, inPlace, ...replace]),
    ...otherSecrets.map((other, index): Candidate => [other, `${first} ${index + 2}.`, ...setAll]),
    ...surrounded(secret).map(([other, what]): Candidate => {
      return [other, `The Worker has this secret with ${what} around it.`, 'Set it without:', PUT_SECRET]
    }),
    ...stripped(secret).map(([other, what]): Candidate => {
      return [other, `What was given here has ${what}; the Worker has it without.`, itself]
    }),
    [given.apiToken, 'The Worker has the value of API_TOKEN as its CallbackSecret.', ...setBoth],
    [target.pathToken, 'The Worker has the value of CALLBACK_PATH_TOKEN as its CallbackSecret.', ...setBoth],
    ['secret', 'The Worker has the CallbackSecret that `npm start` makes up.', ...replace],
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

/** The same, on this side. */
const stripped = (secret: string): [string, string][] => [
  [secret.replace(/^(["'`])(.*)\1$/s, '$2').trim(), 'quotes around it'],
  [secret.replace(/\\[nrt]/g, ''), 'the two characters \\n in it'],
  [secret.replace(/[\s\u200B-\u200D\u2060\uFEFF]/g, ''), 'white space in it, perhaps invisible'],
]

async function whyNoSecretFits(context: Context): Promise<Result> {
  const serverSecrets = await serverSecretsFor(context)
  if (serverSecrets.includes(context.secret)) {
    const evidence = '401 bad_signature: the CallbackSecret given here is the ServerSecret.'
    return wrong(evidence, `Run this again with ${RIGHT_SECRET}.`)
  }
  const tried = new Set([context.secret])
  for (const [secret, ...explanation] of candidates(context, serverSecrets)) {
    if (secret === undefined || tried.has(secret)) continue
    tried.add(secret)
    if (await isKnown({ ...context, secret })) return wrong(...explanation)
  }
  const evidence = `401 bad_signature: the Worker has another secret, and none of the ${tried.size} that were tried.`
  const usual =
    'Often it is the ServerSecret: with ZEGO_SERVER_SECRET in the environment, doctor can tell. Otherwise copy'
  return wrong(evidence, `${serverSecrets.length > 0 ? 'Copy' : usual} ${RIGHT_SECRET}, and set it:`, PUT_SECRET)
}

/** A secret of another app is the Worker's, too. */
async function isKnown(context: Context): Promise<boolean> {
  const reply = await send(context, { ...context.callback, ...stampFor(context) })
  return idOf(reply) !== undefined || ['unknown_app', 'accepted'].includes(wordIn(reply.json) ?? '')
}
