/** What the holder of the API token can read: what came so far, and what has been sent here. */
import { encode } from '../zegocloud.ts'
import { answerIn, isGuarded, quote, read, type Case } from './case.ts'
import { isFinding, note, put, skipped, well, wrong, type Finding } from './finding.ts'
import { textIn, wordOf, type Reply } from './reply.ts'

const NO_TOKEN = skipped('API_TOKEN is not given: nothing can be read.')

/** Before anything is sent, so that it tells of others. */
export async function checkHistory(patient: Case): Promise<Finding> {
  if (patient.given.apiToken === undefined) return NO_TOKEN
  const heard = await read(patient, '/v1/status')
  const reply = answerIn(heard, patient)
  if (isFinding(reply)) {
    const evidence = `Results cannot be read from here. ${reply.evidence}`
    return isGuarded(heard) ? note(evidence) : wrong(evidence, { command: 'npx wrangler tail' })
  }
  if (wordOf(reply) === 'unauthorized') {
    const remedy = 'Give the one that was put, or put it anew. Callbacks are taken without it.'
    return wrong('401 unauthorized: the Worker has another API_TOKEN.', { remedy, command: put('API_TOKEN') })
  }
  if (wordOf(reply) === 'not_configured') {
    const remedy = 'To read over HTTP, and for the dashboard:'
    return note(quote(reply, patient), { remedy, command: put('API_TOKEN') })
  }
  if (reply.status !== 200) return wrong(`/v1/status was answered ${quote(reply, patient)}`)
  patient.canRead = true
  return history(reply, Date.now() + (reply.ahead ?? 0) * 1000)
}

const DAY_MS = 86_400_000

/** What each refusal of the last day says. A reused signature is refused as it should be. */
const REFUSALS: Record<string, string> = {
  bad_signature: 'a secret that the Worker does not have',
  unknown_app: 'an app that the Worker does not have',
  not_found: 'another path, or another path token',
  stale: 'a wrong clock, or a repeat',
  invalid_timestamp: 'a timestamp that is none',
  undecodable: 'no callback',
  body_too_large: 'too many screenshots a task',
  not_configured: 'no usable setting',
  storage_unavailable: 'no store',
}

function history({ json }: Reply, now: number): Finding {
  const last = textIn(fieldsIn(json['last_callback']), 'received_at')
  const came = last === undefined ? 'No callback has come yet.' : `The last callback came ${ago(last, now)}.`
  const refusals = Object.entries(fieldsIn(json['last_refusals']))
    .filter(([code, at]) => REFUSALS[code] !== undefined && now - Date.parse(String(at)) < DAY_MS)
    .map(([code, at]) => `${code} (${REFUSALS[code]}) ${ago(String(at), now)}`)
  if (refusals.length === 0) return well(`The API token opens it. ${came}`)
  return note(`The API token opens it. ${came} Refused: ${refusals.join(', ')}.`, {
    remedy: 'If that was no earlier run of this, it was perhaps ZEGOCLOUD: what follows tells why.',
  })
}

function ago(at: string, now: number): string {
  const minutes = Math.round((now - Date.parse(at)) / 60_000)
  if (minutes < 1) return 'less than a minute ago'
  if (minutes < 120) return `${minutes} min ago`
  return minutes < 2880 ? `${Math.round(minutes / 60)} h ago` : `${Math.round(minutes / 1440)} days ago`
}

export const fieldsIn = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {}

/** What is kept is the body as it arrived: whatever changes bodies on the way shows here. */
export async function checkReading(patient: Case): Promise<Finding> {
  const { taken, canRead, given } = patient
  if (given.apiToken === undefined) return NO_TOKEN
  if (!canRead || !taken) return skipped(canRead ? 'No test callback was taken.' : 'The API token does not open /v1.')
  const reply = answerIn(await read(patient, `/v1/quarantine/${encodeURIComponent(taken.id)}`), patient)
  if (isFinding(reply)) return reply
  if (reply.status !== 200) return wrong(`What was taken cannot be read: ${quote(reply, patient)}`)
  const sent = new TextDecoder().decode(encode(taken.callback, 'json').bytes)
  if (textIn(reply.json, 'body') !== sent) {
    return wrong('What was taken is not what was sent: something on the way changes bodies.', {
      remedy: 'Look for a proxy, a Worker on the same route, or a rule that rewrites.',
    })
  }
  return well('What was taken can be read over HTTP, to the byte as it was sent.')
}
