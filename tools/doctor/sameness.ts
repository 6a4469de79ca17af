/** What is the same is taken once, in whatever encoding; what is not the same is refused: the ledger at work. */
import { encodings, stamp, type Callback } from '../zegocloud.ts'
import { answerIn, keptAs, quote, send, stampFor, type Case } from './case.ts'
import { isFinding, skipped, well, wrong, type Finding } from './finding.ts'
import { isSilence, wordOf, type Reply, type Silence } from './reply.ts'

const OUTDATED = { remedy: 'This version does better: deploy it.', command: 'npx wrangler deploy' }
const NOTHING_TAKEN = skipped('No test callback was taken.')

export async function checkRepeat(patient: Case): Promise<Finding> {
  if (!patient.taken) return NOTHING_TAKEN
  const { callback, id } = patient.taken
  const repeated = await send(patient, callback)
  const reSigned = await send(patient, { ...callback, ...stampFor(patient, patient.secret) })
  for (const reply of [repeated, reSigned]) {
    if (keptAs(reply) !== id) return different(patient, reply, 'The same callback again')
  }
  return well('The same callback again, as it was and signed anew, is known as the same.')
}

/** As forms, percent-encoded, with numbers for texts; and with a timestamp in milliseconds. */
export async function checkEncodings(patient: Case): Promise<Finding> {
  if (!patient.taken) return NOTHING_TAKEN
  const { callback, id } = patient.taken
  for (const encoding of encodings) {
    const reply = await send(patient, callback, encoding)
    if (keptAs(reply) !== id) return different(patient, reply, `The same callback, encoded as ${encoding},`)
  }
  const reply = await send(patient, { ...callback, ...inMilliseconds(patient) })
  if (keptAs(reply) !== id) return different(patient, reply, 'The same callback with a timestamp in milliseconds')
  return well(`${encodings.length} encodings, and a timestamp in milliseconds, are read alike.`)
}

const inMilliseconds = ({ ahead, secret }: Case) => stamp(secret, Date.now() + ahead * 1000)

/** What a body becomes by being decoded once too often, under the same signature. */
export async function checkSwap(patient: Case): Promise<Finding> {
  if (!patient.taken) return NOTHING_TAKEN
  const reply = await send(patient, decodedTwice(patient.taken.callback))
  if (!isSilence(reply) && reply.status === 409 && wordOf(reply) === 'signature_reused') {
    return well('Another body under the same signature is refused: 409 signature_reused. No URL is decoded twice.')
  }
  if (keptAs(reply) === patient.taken.id) {
    return wrong('A URL with %2B and one with + are taken for one: bodies are decoded once too often.', OUTDATED)
  }
  if (keptAs(reply) === undefined) return different(patient, reply, 'Another body under the same signature')
  return wrong('Another body under the same signature was taken: the ledger was not asked.', OUTDATED)
}

function decodedTwice(callback: Callback): Callback {
  const decode = ({ url, ...more }: Callback['snapshot_pic_list'][number]) => ({
    ...more,
    url: decodeURIComponent(url),
  })
  return { ...callback, snapshot_pic_list: callback.snapshot_pic_list.map(decode) }
}

function different(patient: Case, reply: Reply | Silence, subject: string): Finding {
  const answer = answerIn(reply, patient)
  if (isFinding(answer)) return { ...answer, evidence: `${subject} did not get through. ${answer.evidence}` }
  if (keptAs(reply) !== undefined) return wrong(`${subject} was taken for another one.`, OUTDATED)
  return wrong(`${subject} was answered ${quote(reply, patient)}`, {
    remedy: 'The log tells more:',
    command: 'npx wrangler tail',
  })
}
