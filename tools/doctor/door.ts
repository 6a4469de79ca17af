/** Whether callbacks get as far as the Worker, and how the Worker says it is. */
import { answerIn, isGuarded, quote, type Case } from './case.ts'
import { isFinding, note, put, well, wrong, type Finding } from './finding.ts'
import { ask, isSilence, wordOf, type Reply } from './reply.ts'
import { targetOf } from './target.ts'

/** A GET: it stores nothing, and the Worker answers it 405 where a POST would be taken. */
export async function checkReachable(patient: Case): Promise<Finding> {
  const { target, timeoutMs } = patient
  const reply = answerIn(await ask(target.callbackUrl, { timeoutMs }), patient)
  if (isFinding(reply)) return reply
  if (reply.status === 404 && wordOf(reply) === 'not_found') {
    return (await isTokenTyped(patient)) ? checkReachable(patient) : wrongPathToken(patient)
  }
  if (reply.status !== 405 || wordOf(reply) !== 'method_not_allowed') {
    const evidence = `Something answers there, and it is not this Worker: ${quote(reply, patient)}`
    return wrong(evidence, { remedy: '`npx wrangler deploy` prints the right address.', ends: true })
  }
  return reached(patient, reply)
}

/** Whether there is one now where there was none. */
async function isTokenTyped(patient: Case): Promise<boolean> {
  const { target, askPathToken } = patient
  if (target.pathToken !== undefined) return false
  const typed = (await askPathToken?.())?.trim()
  if (!typed) return false
  patient.target = targetOf(target.callbackUrl, typed)
  return true
}

function wrongPathToken({ target }: Case): Finding {
  if (target.pathToken === undefined) {
    return wrong('404 not_found: the Worker asks for a path token, and the URL has none.', {
      remedy:
        'Run this with the whole URL, or with CALLBACK_PATH_TOKEN in the environment. If ZEGOCLOUD has the URL without it, give it the long one: /zego/callback/<token>.',
      ends: true,
    })
  }
  return wrong("404 not_found: the path token is not the Worker's.", {
    remedy: 'If it is what ZEGOCLOUD was given, put it (several at a time: a JSON array). Else take the right one:',
    command: put('CALLBACK_PATH_TOKEN'),
    ends: true,
  })
}

async function reached({ target, timeoutMs }: Case, { ms }: Reply): Promise<Finding> {
  const answered = `The Worker answers, in ${Math.round(ms)} ms.`
  if (!target.isLocal && target.origin.startsWith('http:')) {
    const evidence = `${answered} Over http:// everybody on the way can read the path token and the callbacks.`
    return note(evidence, { remedy: 'Give ZEGOCLOUD the URL with https://.' })
  }
  if (target.pathToken === undefined) return well(`${answered} It asks for no path token.`)
  const withoutToken = await ask(`${target.origin}/zego/callback`, { timeoutMs })
  if (isSilence(withoutToken) || withoutToken.status !== 405) return well(`${answered} The path token is right.`)
  const remedy = 'Once callbacks come with it, have the Worker ask for it:'
  const evidence = `${answered} The URL has a path token that the Worker does not ask for.`
  return note(evidence, { remedy, command: put('CALLBACK_PATH_TOKEN') })
}

/** What each part means when somebody should look. */
const PARTS: Record<string, string> = {
  settings: 'a setting cannot be read',
  d1: 'D1 does not answer',
  publishing: 'an event has waited for over 15 minutes',
  kv: 'KV is late',
  aside: 'callbacks wait for D1',
}

export async function checkHealth(patient: Case): Promise<Finding> {
  const { target, timeoutMs } = patient
  const heard = await ask(`${target.origin}/healthz`, { timeoutMs })
  const reply = answerIn(heard, patient)
  if (isFinding(reply)) {
    if (isGuarded(heard)) return note(`${reply.evidence} Callbacks get past it; monitors and readers do not.`)
    return wrong(`Callbacks get through, /healthz does not. ${reply.evidence}`, { command: 'npx wrangler tail' })
  }
  const parts = partsOf(reply)
  if (reply.status === 200 && wordOf(reply) === 'ok') return well('The Worker is well.')
  if (reply.status === 200 && wordOf(reply) === 'degraded') return note(`It mends itself: ${parts}.`)
  if (wordOf(reply) !== 'unhealthy') return wrong(`This is not an answer of this Worker: ${quote(reply, patient)}`)
  const remedy = 'The health page of the dashboard, and the log, tell more:'
  return wrong(`Someone should look: ${parts}.`, { remedy, command: 'npx wrangler tail' })
}

function partsOf({ json }: Reply): string {
  const parts: unknown[] = Array.isArray(json['parts']) ? json['parts'] : []
  return parts.map((part) => `${PARTS[String(part)] ?? 'something'} (${String(part)})`).join(', ')
}
