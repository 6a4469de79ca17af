/** One scenario: ZEGOCLOUD sends, a fault comes and goes, and then time passes until nothing waits. */
import { setTimeout as sleep } from 'node:timers/promises'
import { API_TOKEN, SECRET } from '../lib/secrets.ts'
import { type Callback, callbackFor, encode, post, stamp } from '../zegocloud/callback.ts'
import { ALL_WELL, type State, type Stored } from './commands.ts'
import type { Receiver } from './receiver.ts'
import type { Ending, Scenario } from './scenarios.ts'
import { type Sender, senderTo, type Sent } from './sender.ts'

/** `scale` of ZEGOCLOUD's schedule and of the Worker's time. */
export type Pace = { scale: number; tasksFor: (seconds: number, storm: number) => number }

/** What was sent, and what became of it. */
export type Played = Sent & Ends & { fault: Scenario; state: State; stored: Stored[] }

/** What is noted on the way. `heldUp`: tasks that a fault elsewhere kept from KV. `poison`: the most that was in ASIDE. */
type Ends = { deleted: Set<string>; heldUp: string[]; poison: number }

/** Sent before the fault, so that there are signatures to steal. */
const CAPTURED_TASKS = 3
const CRON_MS = 60_000
const POLL_MS = 100
const MOST_POLLS = 300

export async function playScenario(fault: Scenario, receiver: Receiver, { scale, tasksFor }: Pace): Promise<Played> {
  const { storm = 0, redeliver = false, withoutCron } = fault
  const sender = senderTo(receiver.callbackUrl, scale, storm)
  await receiver.command({ redeliver })
  const captured: Callback[] = []
  for (let index = 0; index < CAPTURED_TASKS; index += 1) {
    captured.push(await sender.play(callbackFor({ secret: SECRET }), index))
  }
  // A forger who is first wins without the path token: each steals from what D1 holds already.
  await inD1(receiver, CAPTURED_TASKS)

  const over = new AbortController()
  const cron = withoutCron ? undefined : runCron(receiver, scale, over.signal)
  const running: Promise<unknown>[] = []
  const ends: Ends = { deleted: new Set(), heldUp: [], poison: 0 }
  let index = 0
  for (const { seconds, cron: withCron, isQuiet, ending, ...commands } of fault.phases) {
    await receiver.command({ ...ALL_WELL, ...commands })
    if (withCron) void receiver.cron(fullHour(receiver.now())).catch(() => undefined)
    const began = performance.now()
    const ms = seconds * 1000 * scale
    const until = (part: number) => sleep(Math.max(0, began + part * ms - performance.now()))
    const stolen = isQuiet ? undefined : captured.pop()
    if (stolen) running.push(sender.playForgeries(stolen))
    const tasks = isQuiet ? 0 : tasksFor(seconds, storm)
    for (let each = 0; each < tasks; each += 1, index += 1) {
      await until(each / tasks)
      running.push(sender.playTask(index))
    }
    await until(1)
    if (ending) {
      await Promise.all(running)
      const only = commands.failures?.D1?.only
      await endings[ending](receiver, sender, ends, only === undefined ? undefined : new RegExp(only))
    }
    ends.poison = Math.max(ends.poison, (await receiver.state()).poison)
  }
  await receiver.command(ALL_WELL)
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

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** How far the Worker's clock is put forward before each run of cron: from the grace period to past a midnight. */
const STEPS_MS = [2, 10, 10, 10, 60, 60, 60, 180, 360, 720, 60, 60].map((minutes) => minutes * MINUTE_MS)

/** A run at the full hour does everything: ASIDE is drained every tenth minute, poison in it is tried every hour. */
const fullHour = (ms: number) => Math.floor(ms / HOUR_MS) * HOUR_MS

const QUIET_POLL_MS = 150
/** Without a change for so long, and with nothing in INTAKE, only time helps. */
const QUIET_POLLS = 5
/** Longer than any delay of INTAKE after one of the scenarios. */
const MOST_QUIET_POLLS = 1_200

/** @param expected how many rows D1 will hold at least */
async function recover(receiver: Receiver, expected: number) {
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
  for (let poll = 0; poll < MOST_QUIET_POLLS; poll += 1) {
    const state = await receiver.state()
    if (isDone(state)) return state
    const { rows, kvKeys, unpublished, inAside, events, inIntake, late } = state
    const shape = JSON.stringify([rows, kvKeys.length, unpublished, inAside, Object.keys(events).length])
    unchanged = shape === last && inIntake + late === 0 ? unchanged + 1 : 0
    last = shape
    if (unchanged >= QUIET_POLLS) return state
    await sleep(QUIET_POLL_MS)
  }
  return receiver.state()
}

const TEN_MINUTES_MS = 600_000

const endings: Record<Ending, (receiver: Receiver, sender: Sender, ends: Ends, refused?: RegExp) => Promise<unknown>> =
  {
    'an hour passes': (receiver) => passAnHour(receiver),
    async 'KV must have all'(receiver, { so }, ends, refused) {
      await passAnHour(receiver)
      const { kvKeys } = await receiver.state()
      const isRefused = (task_id: string) => refused?.test(JSON.stringify(so.sent.get(task_id))) ?? false
      const awaited = [...so.acknowledged].filter((task_id) => !isRefused(task_id))
      ends.heldUp.push(...awaited.filter((task_id) => !kvKeys.includes(task_id)))
    },
    async 'is operated'({ callbackUrl }, { so }, { deleted }) {
      const tasks = [...so.sent.values()]
      const third = (n: number) => tasks.filter((_, index) => index % 3 === n)
      await Promise.all(third(0).map((callback) => remove(callbackUrl, callback)))
      for (const { task_id } of third(0)) deleted.add(task_id)
      const winners = await Promise.all(third(1).map((callback) => replace(callbackUrl, callback)))
      for (const winner of winners) so.sent.set(winner.task_id, winner)
    },
  }

async function passAnHour(receiver: Receiver) {
  for (let left = 6; left > 0; left -= 1) {
    await receiver.putClockForward(TEN_MINUTES_MS)
    const drains = Math.floor(receiver.now() / TEN_MINUTES_MS) * TEN_MINUTES_MS
    await receiver.cron(drains).catch(() => undefined)
    await untilIntakeIsEmpty(receiver)
  }
}

/** Cron only asks: what is due is done by INTAKE's consumer. */
async function untilIntakeIsEmpty(receiver: Receiver) {
  for (let poll = 0; poll < MOST_POLLS && (await receiver.state()).inIntake > 0; poll += 1) await sleep(POLL_MS)
}

async function remove(url: URL, { task_id }: Callback) {
  await operate('DELETE', new URL(`/v1/snapshots/${encodeURIComponent(task_id)}`, url))
}

/** Other pictures for the same task, which an operator lets win. */
async function replace(url: URL, callback: Callback): Promise<Callback> {
  const other = { ...callback, ...stamp(SECRET), snapshot_pic_list: [{ url: 'http://127.0.0.1/other.svg' }] }
  const { text } = await post(url, encode(other, 'json'))
  const { id = '' } = JSON.parse(text) as { id?: string }
  await operate('POST', new URL(`/v1/quarantine/${encodeURIComponent(id)}/retry?replace=true`, url))
  return other
}

async function operate(method: string, url: URL) {
  const headers = { authorization: `Bearer ${API_TOKEN}`, connection: 'close' }
  const response = await fetch(url, { method, headers })
  if (!response.ok) throw new Error(`${method} ${url.pathname}: ${response.status} ${await response.text()}`)
  await response.body?.cancel()
}
