/** Deletes what the test callbacks have left in the quarantine. The ledger keeps their signatures, as it should. */
import { setTimeout as sleep } from 'node:timers/promises'
import { read, type Case } from './case.ts'
import { note, skipped, well, wrong, type Finding } from './finding.ts'
import { fieldsIn } from './reading.ts'
import { isSilence, textIn } from './reply.ts'

const LOOK_AGAIN_MS = 400

export async function clean(patient: Case): Promise<Finding> {
  const { kept, callback, canRead } = patient
  if (kept.ids.size === 0 && kept.reasons.size === 0) return well('Nothing was left.')
  if (!canRead) {
    const ids = [...kept.ids, ...[...kept.reasons].map((reason) => `one as ${reason}`)].join(', ')
    return skipped(`Without an API token these stay in the quarantine, for 30 days: ${ids}. Task: ${callback.task_id}`)
  }
  const found = await findLeft(patient)
  for (const id of new Set([...found.keys(), ...kept.ids])) {
    const reply = await read(patient, pathOf(id), 'DELETE')
    if (isSilence(reply) || reply.status !== 204) {
      return wrong(`${id} could not be deleted.`, { remedy: 'It leaves the quarantine by itself after 30 days.' })
    }
  }
  const missing = [...kept.reasons].filter((reason) => ![...found.values()].includes(reason))
  const evidence = `What was left in the quarantine is deleted: ${new Set([...found.keys(), ...kept.ids]).size}.`
  if (missing.length === 0) return well(evidence)
  return note(`${evidence} More may come as ${missing.join(', ')}, of the task ${callback.task_id}.`)
}

const pathOf = (id: string) => `/v1/quarantine/${encodeURIComponent(id)}`

/** Ids and reasons of everything that is of this task. What is kept of a refused callback is kept after the answer. */
async function findLeft(patient: Case): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const until = Date.now() + patient.patienceMs
  for (;;) {
    for (const [id, reason] of await newest(patient)) found.set(id, reason)
    const reasons = new Set(found.values())
    if ([...patient.kept.reasons].every((reason) => reasons.has(reason)) || Date.now() > until) return found
    await sleep(LOOK_AGAIN_MS)
  }
}

/** What was kept in the last minute is on the first page, unless there is a flood. */
async function newest(patient: Case): Promise<[string, string][]> {
  const reply = await read(patient, '/v1/quarantine?limit=100')
  const items: unknown = isSilence(reply) ? [] : reply.json['items']
  return (Array.isArray(items) ? items : [])
    .map(fieldsIn)
    .filter((item) => item['task_id'] === patient.callback.task_id)
    .map((item) => [textIn(item, 'id') ?? '', textIn(item, 'reason') ?? ''])
}
