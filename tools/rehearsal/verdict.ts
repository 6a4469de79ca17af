/** What is where when a row has been played, and what of it is not as promised. */
import { isDeepStrictEqual } from 'node:util'
import { isSuccess, type Answer, type Callback } from '../zegocloud/callback.ts'
import type { Played } from './harness.ts'

/** A row of the matrix. */
export function countsOf(played: Played): Record<string, number> {
  const { inD1, inKv, missing } = arrivals(played)
  const { sent, acknowledged, state, deleted, answers } = played
  return {
    sent: sent.size,
    acknowledged: acknowledged.size,
    'in D1': inD1,
    'in KV': inKv,
    events: Object.keys(state.events).length,
    deleted: deleted.size,
    lost: missing.length,
    'worst answer (s)': +(Math.max(...answers.map(({ ms }) => ms)) / 1000).toFixed(2),
  }
}

/** Of everything that was sent, how many tasks are at each place with their own content, and which are not at each. */
function arrivals({ sent, state, stored, deleted }: Played) {
  const rows = new Map(stored.map((row) => [row.task_id, row]))
  const d1 = [...sent.values()].filter((callback) => isRecordOf(callback, rows.get(callback.task_id)?.record))
  const kv = d1.filter(({ task_id }) => rows.get(task_id)?.kv === rows.get(task_id)?.record)
  const subjects = new Set(Object.values(state.events))
  const arrived = kv.map(({ task_id }) => task_id).filter((task_id) => subjects.has(task_id))
  const accounted = new Set([...arrived, ...deleted])
  const missing = [...sent.keys()].filter((task_id) => !accounted.has(task_id))
  return { inD1: d1.length, inKv: kv.length, missing }
}

function isRecordOf({ appid, vendor, field_id, snapshot_pic_list }: Callback, text: string | undefined): boolean {
  const record = JSON.parse(text ?? '{}') as object
  return Object.entries({ appid, vendor, field_id, snapshot_pic_list }).every(([name, value]) =>
    isDeepStrictEqual(Reflect.get(record, name), value),
  )
}

/** Everything that is not as promised, in words. Seconds do not count: a busy machine makes stores miss deadlines. */
export function violations(played: Played): string[] {
  const { fault, sent, acknowledged, answers, state, stored, deleted, heldUp, poison } = played
  const { leastPoison = 0 } = fault
  const { missing } = arrivals(played)
  const lostAfterAnswer = missing.filter((task_id) => acknowledged.has(task_id))
  const refused = answers.filter((answer) => !isSuccess(answer))
  const ids = new Set(stored.map(({ task_id }) => task_id))
  const subjects = Object.values(state.events)
  const known = [...ids, ...subjects]
  const checks: [boolean, string][] = [
    [
      fault.mayLose || fault.refuses || acknowledged.size === sent.size,
      `${sent.size - acknowledged.size} were never acknowledged`,
    ],
    [lostAfterAnswer.length === 0, `acknowledged and lost: ${lostAfterAnswer.slice(0, 3).join(' ')}`],
    [fault.mayLose || missing.length === 0, `lost: ${missing.slice(0, 3).join(' ')}`],
    [!fault.mayLose || missing.length > 0, 'nothing was lost, so the fault was not as long as it should be'],
    [!fault.refuses || acknowledged.size < sent.size, 'ZEGOCLOUD gave up on nothing'],
    [!fault.mayLose || refused.some(({ status }) => status === 503), 'nothing was answered 503'],
    [
      refused.every(({ status }) => status === null || status === (fault.refuses ? 401 : 503)),
      `refused with ${statusesOf(refused)}`,
    ],
    [known.every((task_id) => sent.has(task_id)), 'a forgery was stored or has an event'],
    [subjects.every((task_id) => ids.has(task_id) || deleted.has(task_id)), 'an event tells of what D1 does not hold'],
    [[...deleted].every((task_id) => !ids.has(task_id)), 'what was deleted is in D1'],
    [state.kvKeys.every((key) => ids.has(key)), 'KV holds what D1 does not'],
    [heldUp.length === 0, `held up, though KV was there: ${heldUp.slice(0, 3).join(' ')}`],
    [leastPoison > 0 || poison === 0, `${poison} became poison, though D1 was only down`],
    [poison >= leastPoison, `only ${poison} became poison`],
    [state.unpublished === 0, `${state.unpublished} rows are unpublished`],
    [state.inIntake + state.inAside === 0, `${state.inIntake} wait in INTAKE, ${state.inAside} in ASIDE`],
  ]
  return checks.filter(([holds]) => !holds).map(([, complaint]) => complaint)
}

const statusesOf = (answers: Answer[]) => [...new Set(answers.map(({ status }) => status))].join(', ')
