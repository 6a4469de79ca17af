/** The Worker's stores, each of which fails as it is told to. */
import type { Store, Watch } from '../lib/stores.ts'
import { pause } from './clock.ts'
import { AT_REST } from './orders.ts'

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
export const stage = {
  orders: AT_REST,
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
  async ({ store, method }, work) => {
    if (invocation.callsLeft === 0) return stall(store)
    if (invocation.callsLeft !== null) invocation.callsLeft -= 1
    const call = async () => {
      const value = await work()
      if (store === 'INTAKE' && method === 'send') stage.inIntake += 1
      return value
    }
    const failing = stage.orders.failures[store]
    stage.calls += 1
    if (!failing || (failing.everySecond && stage.calls % 2 === 0)) return call()
    stage.failed[store] += 1
    if (failing.way === 'hangs') {
      stage.held.push(call)
      return stall(store)
    }
    if (failing.way === 'is slow') {
      await pause(SLOW_MS[store])
      return call()
    }
    if (failing.way === 'takes it, then throws') await call()
    throw new Error(failing.words ?? OUTAGE[store])
  }

/** What hangs ends in an error, long after whoever called has to have given up. */
async function stall(store: Store): Promise<never> {
  await pause(STALL_MS)
  throw new Error(OUTAGE[store])
}

/** Every other call that hung is carried out late, one after another, though nobody waits for it any more. */
export async function carryOutLate(): Promise<void> {
  const due = stage.held.splice(0).filter((_, index) => index % 2 === 0)
  stage.late += due.length
  for (const call of due) {
    await Promise.allSettled([call(), pause(LATE_CALL_MS)])
    stage.late -= 1
  }
}
