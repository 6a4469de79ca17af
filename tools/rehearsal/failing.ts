/** The Worker's stores, each of which fails as it is told to, and its clock. */
import type { Call, Store, Watch } from '../lib/stores.ts'
import { AT_REST, type Commands, type Failing } from './commands.ts'

/** The words of the platform where nothing else is asked for. */
const OUTAGE: Record<Store, string> = {
  D1: 'D1_ERROR: Network connection lost.',
  INTAKE: 'Queue send failed: Internal Server Error',
  EVENTS: 'Queue send failed: Internal Server Error',
  RESULTS: 'KV PUT failed: 500 Internal Server Error',
  ASIDE: 'KV PUT failed: 500 Internal Server Error',
}

/** Within the Worker's deadlines. */
const SLOW_MS: Record<Store, number> = { D1: 1_500, INTAKE: 800, ASIDE: 800, EVENTS: 3_000, RESULTS: 3_000 }

/** As long as stalls of D1 are reported to last. */
const STALL_MS = 80_000
const LATE_CALL_MS = 20

/** What all invocations of the Worker share. */
export const shared = {
  commands: AT_REST,
  /** The calls that hang. */
  held: [] as (() => Promise<unknown>)[],
  late: 0,
  calls: 0,
  failed: { D1: 0, INTAKE: 0, EVENTS: 0, RESULTS: 0, ASIDE: 0 } satisfies Record<Store, number>,
  inIntake: 0,
}

/** One call of one of the Worker's handlers. An isolate that has ended makes no more calls. */
export type Invocation = { callsLeft: number | null }

export const failingIn =
  (invocation: Invocation): Watch =>
  async ({ store, method, statements }, work) => {
    if (invocation.callsLeft === 0) return stall(store)
    if (invocation.callsLeft !== null) invocation.callsLeft -= 1
    const call = async () => {
      const value = await work()
      if (store === 'INTAKE' && method === 'send') shared.inIntake += 1
      return value
    }
    const failing = shared.commands.failures[store]
    shared.calls += 1
    if (!failing || !isMeant(failing, statements) || (failing.everySecond && shared.calls % 2 === 0)) return call()
    shared.failed[store] += 1
    if (failing.way === 'hangs') {
      shared.held.push(call)
      return stall(store)
    }
    if (failing.way === 'is slow') {
      await pause(SLOW_MS[store])
      return call()
    }
    if (failing.way === 'takes it, then throws') await call()
    throw new Error(failing.words ?? OUTAGE[store])
  }

const isMeant = ({ only }: Failing, statements: Call['statements']) =>
  only === undefined || statements.some(({ sql, bound }) => new RegExp(only).test([sql, ...bound].join(' ')))

/** What hangs ends in an error, long after whoever called has to have given up. */
async function stall(store: Store): Promise<never> {
  await pause(STALL_MS)
  throw new Error(OUTAGE[store])
}

/** Every other call that hung is carried out late, one after another, though nobody waits for it any more. */
export async function carryOutLate(): Promise<void> {
  const due = shared.held.splice(0).filter((_, index) => index % 2 === 0)
  shared.late += due.length
  for (const call of due) {
    await Promise.allSettled([call(), pause(LATE_CALL_MS)])
    shared.late -= 1
  }
}

/*
 * The Worker's clock and timers, so that an hour of its time can pass in a moment. Every deadline, delay and grace
 * period of the Worker is scaled alike, and with ZEGOCLOUD's schedule, so what comes before what stays the same.
 */

const realNow = Date.now.bind(Date)
const realSetTimeout = setTimeout

let clock: Commands['clock'] = { origin: 0, scale: 1, shift: 0 }

export function setClock(to: Commands['clock']) {
  clock = to
}

/** Waits that many milliseconds of the Worker's time. */
export const pause = (ms: number) => new Promise<void>((resolve) => realSetTimeout(resolve, ms * clock.scale))

/** Seconds of the Worker's time as a queue can wait them: whole ones, at least one, so that attempts stay apart. */
export const queueSeconds = (seconds: number) => (seconds === 0 ? 0 : Math.max(1, Math.round(seconds * clock.scale)))

export function scaleTime() {
  Date.now = () => {
    const { origin, scale, shift } = clock
    return Math.floor(origin + (realNow() - origin) / scale + shift)
  }
  Object.assign(globalThis, {
    setTimeout: (callback: () => void, ms = 0) => realSetTimeout(callback, ms * clock.scale),
  })
  Object.assign(scheduler, { wait: pause })
}
