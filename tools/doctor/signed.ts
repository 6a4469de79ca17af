/** A signed test callback; where it is refused, the reason. */
import { wordIn } from '../lib/members.ts'
import { type Context, isTaken, quote, send } from './context.ts'
import { type Fix, put, type Result, TAIL, well, wrong } from './result.ts'

const PUT_SECRET = put('ZEGO_CALLBACK_SECRET')
const RIGHT_SECRET = "the CallbackSecret of ZEGOCLOUD's console (Project Configuration)"

export async function checkSigned(context: Context): Promise<Result> {
  const reply = await send(context)
  const word = wordIn(reply.json) ?? ''
  if (context.serverSecrets.includes(context.secret)) return mixedUp(isTaken(reply))
  if (isTaken(reply)) return well('202: its signature is right, and D1 has it.')
  if (word === 'bad_signature') return whyNoSecretFits(context)
  return wrong(quote(reply, context), ...(REMEDIES[word] ?? LOG))
}

function mixedUp(isAccepted: boolean): Result {
  const evidence = 'The CallbackSecret given here is the ServerSecret.'
  if (!isAccepted) return wrong(evidence, `Run this again with ${RIGHT_SECRET}.`)
  const remedy = `ZEGOCLOUD signs with the CallbackSecret, so its callbacks are refused. Set ${RIGHT_SECRET}:`
  return wrong(`${evidence} The Worker has it, too.`, remedy, PUT_SECRET)
}

const LOG: Fix = ['The log:', TAIL]
const CHANGED: Fix = [
  'It was correct when it was sent. Something between here and the Worker changes bodies: a proxy, or a Worker on the same route.',
]

/** Beside the Worker's own advice, which is quoted: what is different for whoever runs doctor. */
const REMEDIES: Record<string, Fix> = {
  unknown_app: ['The Worker has its secrets by app. If it has this app, name it: add --appid <AppID> to this command.'],
  stale: ["ZEGOCLOUD signs by its own clock: if this machine's clock is wrong, set it, and run this again."],
  not_configured: [
    'Until it is set, every callback is answered 503. ZEGO_CALLBACK_SECRET is the CallbackSecret, not the ServerSecret.',
  ],
  accepted: ['It is durable, but D1 did not take it in time; it reaches D1 later. The log:', TAIL],
  undecodable: CHANGED,
  body_too_large: CHANGED,
}

type Candidate = readonly [secret: string, evidence: string, ...Fix]

/** Secrets that the Worker may have instead, the likely ones first. */
function candidates({ secret, serverSecrets }: Context): Candidate[] {
  const inPlace = 'The Worker has the ServerSecret where the CallbackSecret belongs.'
  return [
    ...serverSecrets.map((other): Candidate => [other, inPlace, `Replace it with ${RIGHT_SECRET}:`, PUT_SECRET]),
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
  for (const [secret, ...explanation] of candidates(context)) {
    const reply = await send(context, secret)
    // A secret of another app is the Worker's, too.
    if (isTaken(reply) || ['unknown_app', 'accepted'].includes(wordIn(reply.json) ?? '')) return wrong(...explanation)
  }
  const evidence = '401 bad_signature: the Worker has another secret, and none of those that are often set by mistake.'
  const often = 'Often it is the ServerSecret: with ZEGO_SERVER_SECRET in the environment, doctor can tell. '
  return wrong(evidence, `${context.serverSecrets.length > 0 ? '' : often}Set ${RIGHT_SECRET}:`, PUT_SECRET)
}
