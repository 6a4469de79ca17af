/** One row of the table: ZEGOCLOUD sends, a fault comes and goes, and then time passes until nothing waits. */
import { setTimeout as sleep } from 'node:timers/promises'
import { resplittableStamp } from '../zegocloud/forgeries.ts'
import { SECRET } from '../lib/secrets.ts'
import { callbackFor, type Callback } from '../zegocloud/callback.ts'
import { endings, type Ends } from './endings.ts'
import type { Fault } from './faults.ts'
import { ALL_WELL, type State, type Stored } from './orders.ts'
import type { Receiver } from './receiver.ts'
import { fullHour, recover } from './recover.ts'
import { type Sent, senderTo } from './sender.ts'

/** `tasks` without a fault's own pace; `scale` of ZEGOCLOUD's schedule and of the Worker's time. */
export type Pace = { scale: number; tasksFor: (seconds: number, storm: number) => number }

/** What was sent, and what became of it. `heldUp`: tasks that a fault elsewhere kept from KV. */
export type Played = Sent & { fault: Fault; state: State; stored: Stored[]; deleted: Set<string>; heldUp: string[] }

/** Sent before the fault, so that there are signatures to steal. */
const CAPTURED_TASKS = 3
const CRON_MS = 60_000
const POLL_MS = 100
const MOST_POLLS = 300

export async function playRow(fault: Fault, receiver: Receiver, { scale, tasksFor }: Pace): Promise<Played> {
  const { storm = 0, redeliver = false, withoutCron } = fault
  const sender = senderTo(receiver.callbackUrl, scale, storm)
  await receiver.order({ redeliver })
  const captured: Callback[] = []
  for (let index = 0; index < CAPTURED_TASKS; index += 1) {
    captured.push(await sender.play(callbackFor({ secret: SECRET, stamped: resplittableStamp(SECRET) }), index))
  }
  // A forger who is first wins without the path token: each steals from what D1 holds already.
  await inD1(receiver, CAPTURED_TASKS)

  const over = new AbortController()
  const cron = withoutCron ? undefined : runCron(receiver, scale, over.signal)
  const running: Promise<unknown>[] = []
  const ends: Ends = { deleted: new Set(), heldUp: [] }
  let index = 0
  for (const { seconds, cron: withCron, isQuiet, ending, ...orders } of fault.scenes) {
    await receiver.order({ ...ALL_WELL, ...orders })
    if (withCron) void receiver.cron(fullHour(receiver.now())).catch(() => undefined)
    const began = performance.now()
    const ms = seconds * 1000 * scale
    const until = (part: number) => sleep(Math.max(0, began + part * ms - performance.now()))
    const stolen = captured.pop()
    if (stolen) running.push(sender.playForgeries(stolen))
    const tasks = isQuiet ? 0 : tasksFor(seconds, storm)
    for (let each = 0; each < tasks; each += 1, index += 1) {
      await until(each / tasks)
      running.push(sender.playTask(index))
    }
    await until(1)
    if (!ending) continue
    await Promise.all(running)
    await endings[ending](receiver, sender, ends)
  }
  await receiver.order(ALL_WELL)
  await Promise.all(running)
  over.abort()
  await cron
  await recover(receiver, (fault.refuses ? sender.so.sent : sender.so.acknowledged).size - ends.deleted.size)
  return { fault, ...sender.so, ...ends, state: await receiver.state(), stored: await receiver.stored() }
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
