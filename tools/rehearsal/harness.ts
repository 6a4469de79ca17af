/** One scenario: ZEGOCLOUD sends, a fault comes and goes, and then time passes until nothing waits. */
import { setTimeout as sleep } from 'node:timers/promises'
import { bundle, type Module } from '../lib/bundle.ts'
import { API_TOKEN, SECRET } from '../lib/secrets.ts'
import { EVENTS, startWorld } from '../lib/world.ts'
import { type Callback, encode, post, stamp } from '../zegocloud/callback.ts'
import { ALL_WELL, type Commands, HARNESS, ISOLATES, type State, type Stored } from './commands.ts'
import type { Scenario } from './scenarios.ts'
import { type Sender, senderTo, type Sent } from './sender.ts'

/** The harness's entry, and beside it the Worker's own build, once for each isolate. */
export async function build(): Promise<Module[]> {
  const [entry, worker] = await Promise.all([bundle('tools/rehearsal/worker.ts'), bundle('src/worker.ts')])
  const code = worker.filter(({ type }) => type === 'ESModule')
  const copies = Array.from({ length: ISOLATES }, (_, isolate) =>
    code.map((module) => ({ ...module, path: `receiver-${isolate}.js` })),
  )
  const modules = [...entry, ...copies.flat(), ...worker.filter(({ type }) => type === 'Text')]
  return [...new Map(modules.map((module) => [module.path, module])).values()]
}

type Receiver = Awaited<ReturnType<typeof startReceiver>>

/**
 * The built Worker in workerd, with stores of its own.
 * @param scale of the Worker's time: 0.1 is ten times as fast
 */
async function startReceiver(modules: Module[], scale: number, onLog?: (line: string) => void) {
  const consumes = { [EVENTS]: { maxBatchSize: 100, maxBatchTimeout: scale, maxRetries: 10 } }
  const { url, callbackUrl, stop } = await startWorld(modules, { scale, onLog, consumes })
  let commands: Commands = { ...ALL_WELL, clock: { origin: Date.now(), scale, shift: 0 } }

  async function ask<Value>(what: string, body: unknown = {}): Promise<Value> {
    const response = await fetch(new URL(HARNESS + what, url), {
      method: 'POST',
      // A connection that was kept could be closed in the moment in which it is used again.
      headers: { connection: 'close' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Value
  }

  async function command(changed: Partial<Commands>) {
    commands = { ...commands, ...changed }
    await ask('commands', commands)
  }

  /** The Worker's time. */
  const now = () => commands.clock.origin + (Date.now() - commands.clock.origin) / scale + commands.clock.shift

  /** Ends when the Worker's run has ended. A run that fails is the fault's doing: what it leaves undone is counted. */
  const cron = (scheduledTime = now()) => ask('cron', { scheduledTime }).catch(() => undefined)

  /** A run at the full hour does everything: what waits in ASIDE is drained every third minute, poison every hour. */
  const fullCron = () => cron(Math.floor(now() / HOUR_MS) * HOUR_MS)

  return {
    callbackUrl,
    command,
    cron,
    fullCron,
    stop,
    async putClockForward(ms: number) {
      await command({ clock: { ...commands.clock, shift: commands.clock.shift + ms } })
      await fullCron()
    },
    state: () => ask<State>('state'),
    stored: () => ask<Stored[]>('stored'),
  }
}

/** What was sent, and what became of it. */
export type Played = Sent & Ends & { fault: Scenario; state: State; stored: Stored[] }

/** What is noted on the way. `heldUp`: tasks that a fault elsewhere kept from KV. `poison`: the most that was in ASIDE. */
type Ends = { deleted: Set<string>; heldUp: string[]; poison: number }

/** Spread over a scenario. More of them, each refused three times in a minute, the Worker would not keep. */
const TASKS = 20
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** @param scale of ZEGOCLOUD's schedule and of the Worker's time */
export async function rehearse(
  fault: Scenario,
  modules: Module[],
  scale: number,
  onLog?: (line: string) => void,
): Promise<Played> {
  const receiver = await startReceiver(modules, scale, onLog)
  try {
    return await play(fault, receiver, scale)
  } finally {
    await receiver.stop()
  }
}

async function play(fault: Scenario, receiver: Receiver, scale: number): Promise<Played> {
  const sender = senderTo(receiver.callbackUrl, scale)
  await receiver.command({})
  const captured = await sender.playTask(0)
  // A forger who is first wins without the path token: this one steals from what D1 holds already.
  const isStored = await waitUntil(receiver, ({ rows }) => rows > 0)
  if (!isStored) throw new Error('the first callback does not reach D1, though nothing fails yet')

  const over = new AbortController()
  const cron = fault.withoutCron ? undefined : runCron(receiver, scale, over.signal)
  const running: Promise<unknown>[] = []
  const ends: Ends = { deleted: new Set(), heldUp: [], poison: 0 }
  const total = fault.phases.reduce((sum, { seconds, isQuiet }) => sum + (isQuiet ? 0 : seconds), 0)
  let index = 0
  for (const { seconds, withCron, isQuiet, anHour, isOperated, ...faults } of fault.phases) {
    await receiver.command({ ...ALL_WELL, ...faults })
    if (withCron) void receiver.fullCron()
    const began = performance.now()
    const ms = seconds * 1000 * scale
    const until = (part: number) => sleep(Math.max(0, began + part * ms - performance.now()))
    if (!isQuiet) running.push(sender.playForgeries(captured))
    const tasks = isQuiet ? 0 : Math.ceil((TASKS * seconds) / total)
    for (let each = 0; each < tasks; each += 1, index += 1) {
      await until(each / tasks)
      running.push(sender.playTask(index))
    }
    await until(1)
    if (anHour || isOperated) await Promise.all(running)
    if (anHour) await passAnHour(receiver)
    if (anHour && !faults.failures?.RESULTS)
      ends.heldUp.push(...(await heldUp(receiver, sender, faults.failures?.D1?.only)))
    if (isOperated) await operate(receiver, sender, ends)
    ends.poison = Math.max(ends.poison, (await receiver.state()).poison)
  }
  await receiver.command(ALL_WELL)
  await Promise.all(running)
  over.abort()
  await cron
  await recover(receiver, (fault.refuses ? sender.so.sent : sender.so.acknowledged).size - ends.deleted.size)
  return { fault, ...sender.so, ...ends, state: await receiver.state(), stored: await receiver.stored() }
}

/** Each minute of the Worker's time, whether or not the last run has ended. */
async function runCron(receiver: Receiver, scale: number, over: AbortSignal) {
  while (!over.aborted) {
    void receiver.cron()
    await sleep(MINUTE_MS * scale, undefined, { signal: over }).catch(() => undefined)
  }
}

const POLL_MS = 100
/** With nothing in INTAKE for so long, only time helps. */
const IDLE_POLLS = 8
/** Longer than any delay of INTAKE after one of the scenarios. */
const MOST_POLLS = 1_800

/** Whether the state is as wished before nothing is on its way any more. */
async function waitUntil(receiver: Receiver, isDone: (state: State) => boolean): Promise<boolean> {
  let idle = 0
  for (let poll = 0; poll < MOST_POLLS && idle < IDLE_POLLS; poll += 1) {
    const state = await receiver.state()
    if (isDone(state)) return true
    idle = state.inIntake === 0 ? idle + 1 : 0
    await sleep(POLL_MS)
  }
  return false
}

/** Cron only asks: what is due is done by INTAKE's consumer. */
async function passAnHour(receiver: Receiver) {
  for (let left = 6; left > 0; left -= 1) {
    await receiver.putClockForward(10 * MINUTE_MS)
    await waitUntil(receiver, ({ inIntake }) => inIntake === 0)
  }
}

/** How far the Worker's clock is put forward before each run of cron: from the grace period to past a midnight. */
const STEPS_MS = [2, 10, 10, 10, 60, 60, 60, 180, 360, 720, 60, 60].map((minutes) => minutes * MINUTE_MS)

/** @param expected how many rows D1 will hold at least */
async function recover(receiver: Receiver, expected: number) {
  const isDone = ({ rows, kvKeys, unpublished, inIntake, inAside, events }: State) =>
    rows >= expected &&
    kvKeys.length <= rows &&
    Object.keys(events).length >= rows &&
    unpublished + inIntake + inAside === 0

  for (const step of STEPS_MS) {
    if (await waitUntil(receiver, isDone)) return
    await receiver.putClockForward(step)
  }
  await waitUntil(receiver, isDone)
}

/** What is not in KV after an hour. Only what D1 refuses is excused. */
async function heldUp(receiver: Receiver, { so }: Sender, refused?: string): Promise<string[]> {
  const { kvKeys } = await receiver.state()
  const isRefused = (task_id: string) =>
    refused !== undefined && new RegExp(refused).test(JSON.stringify(so.sent.get(task_id)))
  return [...so.acknowledged].filter((task_id) => !isRefused(task_id) && !kvKeys.includes(task_id))
}

/** A third of the records is deleted, and a third replaced. */
async function operate({ callbackUrl }: Receiver, { so }: Sender, { deleted }: Ends) {
  const tasks = [...so.sent.values()]
  const third = (n: number) => tasks.filter((_, index) => index % 3 === n)
  await Promise.all(third(0).map((callback) => remove(callbackUrl, callback)))
  for (const { task_id } of third(0)) deleted.add(task_id)
  const winners = await Promise.all(third(1).map((callback) => replace(callbackUrl, callback)))
  for (const winner of winners) so.sent.set(winner.task_id, winner)
}

async function remove(url: URL, { task_id }: Callback) {
  await requestAsOperator('DELETE', new URL(`/v1/snapshots/${encodeURIComponent(task_id)}`, url))
}

/** Other pictures for the same task, which an operator lets win. */
async function replace(url: URL, callback: Callback): Promise<Callback> {
  const other = { ...callback, ...stamp(SECRET), snapshot_pic_list: [{ url: 'http://127.0.0.1/other.svg' }] }
  const { text } = await post(url, encode(other, 'json'))
  const { id = '' } = JSON.parse(text) as { id?: string }
  await requestAsOperator('POST', new URL(`/v1/quarantine/${encodeURIComponent(id)}/retry?replace=true`, url))
  return other
}

async function requestAsOperator(method: string, url: URL) {
  const headers = { authorization: `Bearer ${API_TOKEN}`, connection: 'close' }
  const response = await fetch(url, { method, headers })
  if (!response.ok) throw new Error(`${method} ${url.pathname}: ${response.status} ${await response.text()}`)
  await response.body?.cancel()
}
