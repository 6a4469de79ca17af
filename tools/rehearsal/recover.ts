/** After a fault: time passes, cron runs and the queues are consumed, until nothing waits or a day has gone by. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { State } from './orders.ts'
import type { Receiver } from './receiver.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** How far the Worker's clock is put forward before each run of cron: from the grace period to past a midnight. */
const STEPS_MS = [2, 10, 10, 10, 60, 60, 60, 180, 360, 720, 60, 60].map((minutes) => minutes * MINUTE_MS)

/** A run at the full hour does everything: ASIDE is drained every tenth minute, poison in it is tried every hour. */
export const fullHour = (ms: number) => Math.floor(ms / HOUR_MS) * HOUR_MS

const POLL_MS = 150
/** Without a change for so long, and with nothing in INTAKE, only time helps. */
const QUIET_POLLS = 5
/** Longer than any delay of INTAKE after one of the faults. */
const MOST_POLLS = 1_200

/** @param expected how many rows D1 will hold at least */
export async function recover(receiver: Receiver, expected: number) {
  const isDone = ({ rows, kvKeys, unpublished, inIntake, inAside, late, events }: State) =>
    rows >= expected &&
    kvKeys.length <= rows &&
    Object.keys(events).length >= rows &&
    late + unpublished + inIntake + inAside === 0

  for (const step of STEPS_MS) {
    if (isDone(await quiet(receiver, isDone))) return
    await receiver.putClockForward(step)
    await receiver.cron(fullHour(receiver.now())).catch(() => undefined) // what a run leaves undone is counted
  }
  await quiet(receiver, isDone)
}

/** The state once it is as wished, or changes no more. */
async function quiet(receiver: Receiver, isDone: (state: State) => boolean): Promise<State> {
  let last = ''
  let unchanged = 0
  for (let poll = 0; poll < MOST_POLLS; poll += 1) {
    const state = await receiver.state()
    if (isDone(state)) return state
    const { rows, kvKeys, unpublished, inAside, events, inIntake, late } = state
    const shape = JSON.stringify([rows, kvKeys.length, unpublished, inAside, Object.keys(events).length])
    unchanged = shape === last && inIntake + late === 0 ? unchanged + 1 : 0
    last = shape
    if (unchanged >= QUIET_POLLS) return state
    await sleep(POLL_MS)
  }
  return receiver.state()
}
