/** `--publish`: a real snapshot, all the way to KV and to the queue. Consumers see its event. */
import { setTimeout as sleep } from 'node:timers/promises'
import { encode, stamp } from '../zegocloud.ts'
import { answerIn, quote, read, type Case } from './case.ts'
import { isFinding, note, skipped, well, wrong, type Finding } from './finding.ts'
import { fieldsIn } from './reading.ts'
import { ask, isSilence, textIn, wordOf, type Reply, type Silence } from './reply.ts'

/** The Worker holds a question for a record so long. */
const WAIT_SECONDS = 25
const LOOK_AGAIN_MS = 400

export async function checkPublication(patient: Case): Promise<Finding> {
  if (!patient.canRead) {
    return wrong('Not sent: without an API token it could neither be seen nor deleted.', {
      remedy: 'Set API_TOKEN, and run this again.',
    })
  }
  if (!patient.taken) return skipped('Not sent: no test callback was taken.')
  const path = `/v1/snapshots/${encodeURIComponent(patient.callback.task_id)}`
  const finding = await publish(patient, path)
  const deleted = await read(patient, path, 'DELETE')
  if (!isSilence(deleted) && deleted.status === 204) return finding
  const evidence = `${finding.evidence} It could not be deleted: ${quote(deleted, patient)}`
  return wrong(evidence, { remedy: `DELETE ${path} does it.` })
}

/** Without pictures: whoever copies them would look for them in vain. */
async function publish(patient: Case, path: string): Promise<Finding> {
  const { target, timeoutMs, secret, ahead } = patient
  const stamped = stamp(secret, Math.floor(Date.now() / 1000) + ahead)
  const callback = { ...patient.callback, ...stamped, event: 'snapshot', snapshot_pic_list: [] }
  const reply = await ask(target.callbackUrl, { method: 'POST', body: encode(callback, 'json'), timeoutMs })
  if (isSilence(reply) || wordOf(reply) !== 'stored') return failed(patient, reply, 'The snapshot')
  const record = await read(patient, `${path}?wait=${WAIT_SECONDS}`, 'GET', WAIT_SECONDS * 1000)
  if (isSilence(record) || textIn(record.json, 'status') !== 'completed') return failed(patient, record, 'Its record')
  // It is published in the moment after the answer; what fails is due again after a minute.
  const until = Date.now() + patient.patienceMs
  for (;;) {
    const status = await read(patient, '/v1/status')
    if (isSilence(status) || status.status !== 200) return failed(patient, status, '/v1/status')
    const waits = waiting(status)
    if (waits.events === 0 && waits.kv === 0) return well(PUBLISHED)
    if (Date.now() > until) return unpublished(waits)
    await sleep(LOOK_AGAIN_MS)
  }
}

const PUBLISHED =
  'The snapshot was stored and read back, and nothing is unpublished: KV has it, and the queue has its event.'

/** How many records wait for each. A record whose event is missing may lack KV as well. */
function waiting({ json }: Reply): { events: number; kv: number } {
  const { without_event, without_kv_only } = fieldsIn(json['unpublished'])
  return { events: Number(fieldsIn(without_event)['count']), kv: Number(fieldsIn(without_kv_only)['count']) }
}

function unpublished({ events, kv }: { events: number; kv: number }): Finding {
  const remedy = 'They are sent again by themselves, after a minute and then after ever longer. The log tells why:'
  const mending = { remedy, command: 'npx wrangler tail' }
  if (events !== 0) return wrong(`${events} records wait for the queue; this one may be among them.`, mending)
  return note(`The queue has its event; ${kv} records wait for KV, and this one may be among them.`, mending)
}

function failed(patient: Case, reply: Reply | Silence, subject: string): Finding {
  const answer = answerIn(reply, patient)
  return isFinding(answer) ? answer : wrong(`${subject} was answered ${quote(reply, patient)}`)
}
