/** One row of the table: ZEGOCLOUD sends, a fault comes and goes, and then time passes until nothing waits. */
import { setTimeout as sleep } from 'node:timers/promises'
import { forge, forgeries, resplittableStamp } from '../forgeries.ts'
import {
  ATTEMPT_TIMEOUT_SECONDS,
  callbackFor,
  deliver,
  encode,
  encodings,
  post,
  retryModes,
  stamp,
  type Answer,
  type Callback,
} from '../zegocloud.ts'
import type { Fault } from './faults.ts'
import type { State, Stored } from './orders.ts'
import { SECRET, type Receiver } from './receiver.ts'
import { fullHour, recover } from './recover.ts'

/** `tasks` without a fault's own pace; `scale` of ZEGOCLOUD's schedule and of the Worker's time. */
export type Pace = { scale: number; tasksFor: (seconds: number, storm: number) => number }

/** What was sent, and what became of it. */
export type Played = {
  fault: Fault
  sent: Map<string, Callback>
  acknowledged: Set<string>
  /** The answers to genuine callbacks. */
  answers: Answer[]
  /** In milliseconds of the Worker's time, whatever was asked. */
  worstMs: number
  forged: Set<string>
  state: State
  stored: Stored[]
}

/** Sent before the fault, so that there are signatures to steal. */
const CAPTURED_TASKS = 3
const CRON_MS = 60_000
const POLL_MS = 100
const MOST_POLLS = 300

/** All is well. */
const NO_ORDERS = { failures: {}, callsAfterAnswer: null, callsOfCron: null }

export async function playRow(fault: Fault, receiver: Receiver, pace: Pace): Promise<Played> {
  const { scale } = pace
  const played = { sent: new Map(), acknowledged: new Set(), answers: [], worstMs: 0, forged: new Set() } as Omit<
    Played,
    'fault' | 'state' | 'stored'
  >
  const timing = { timeScale: scale, timeoutSeconds: ATTEMPT_TIMEOUT_SECONDS * scale }
  const timed = (answer: Answer) => (played.worstMs = Math.max(played.worstMs, answer.ms / scale))

  async function play(callback: Callback, index: number) {
    played.sent.set(callback.task_id, callback)
    const { delivered, last } = await deliver(receiver.callbackUrl, callback, {
      ...timing,
      secret: SECRET,
      encoding: encodings[index % encodings.length] ?? 'json',
      retry: retryModes[index % retryModes.length] ?? 're-signed',
      onAnswer: (answer) => {
        played.answers.push(answer)
        timed(answer)
      },
    })
    if (delivered) played.acknowledged.add(callback.task_id)
    return last
  }

  const callback = (stamped = stamp(SECRET), index = 0) =>
    callbackFor({ secret: SECRET, vendor: index % 4 === 3 ? 'hw' : 'tencent', stamped })

  /** A fourth comes once more after its acknowledgement, whatever answered it. */
  async function playTask(index: number) {
    const first = callback(stamp(SECRET), index)
    const storm = Array.from({ length: fault.storm ?? 0 }, (_, copy) =>
      play(copy % 2 === 0 ? first : { ...first, ...stamp(SECRET) }, index + copy * (copy % 2)),
    )
    const [last] = await Promise.all([play(first, index), ...storm])
    if (index % 4 === 0) await play({ ...last, ...stamp(SECRET) }, index + 1)
  }

  async function playForgery(captured: Callback) {
    for (const kind of forgeries) {
      const fields = forge(kind, captured, SECRET)
      if (!fields) continue
      played.forged.add(String(fields['task_id']))
      timed(await post(receiver.callbackUrl, encode(fields, 'json'), timing))
    }
  }

  await receiver.order({ redeliver: fault.redeliver ?? false })
  const captured: Callback[] = []
  for (let index = 0; index < CAPTURED_TASKS; index += 1) {
    captured.push(await play(callback(resplittableStamp(SECRET)), index))
  }
  // A forger who is first wins without the path token: each steals from what D1 holds already.
  await inD1(receiver, CAPTURED_TASKS)

  const over = new AbortController()
  const cron = fault.withoutCron ? undefined : runCron(receiver, scale, over.signal)
  const running: Promise<unknown>[] = []
  let index = 0
  for (const { seconds, cron: withCron, ...orders } of fault.scenes) {
    await receiver.order({ ...NO_ORDERS, ...orders })
    if (withCron) void receiver.cron(fullHour(receiver.now())).catch(() => undefined)
    const began = performance.now()
    const ms = seconds * 1000 * scale
    const tasks = pace.tasksFor(seconds, fault.storm ?? 0)
    const stolen = captured.pop()
    if (stolen) running.push(playForgery(stolen))
    for (let each = 0; each < tasks; each += 1) {
      await sleep(Math.max(0, began + (each * ms) / tasks - performance.now()))
      running.push(playTask(index))
      index += 1
    }
    await sleep(Math.max(0, began + ms - performance.now()))
  }
  await receiver.order(NO_ORDERS)
  await Promise.all(running)
  over.abort()
  await cron
  await recover(receiver, played.acknowledged.size)
  return { fault, ...played, state: await receiver.state(), stored: await receiver.stored() }
}

/** Without putting the clock forward, which would make stale what is still to be sent. */
async function inD1(receiver: Receiver, rows: number) {
  for (let poll = 0; poll < MOST_POLLS; poll += 1) {
    if ((await receiver.state()).rows >= rows) return
    await sleep(POLL_MS)
  }
  throw new Error('the first callbacks do not reach D1, though nothing fails yet')
}

/** Each minute of the Worker's time, whether or not the last run has ended. A run that fails is the fault's doing. */
async function runCron(receiver: Receiver, scale: number, over: AbortSignal) {
  while (!over.aborted) {
    void receiver.cron(receiver.now()).catch(() => undefined)
    await sleep(CRON_MS * scale, undefined, { signal: over }).catch(() => undefined)
  }
}
