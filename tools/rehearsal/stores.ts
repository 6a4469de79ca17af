/** The Worker's stores, each of which fails as it is told to. What a call does, if it is done, is done by the real one. */
import type { Env } from '../../src/settings.ts'
import { pause } from './clock.ts'
import type { Orders, Store } from './orders.ts'

/** The words of the platform where nothing else is asked for. */
const OUTAGE: Record<Store, string> = {
  D1: 'D1_ERROR: Network connection lost.',
  INTAKE: 'Queue send failed: Internal Server Error',
  EVENTS: 'Queue send failed: Internal Server Error',
  RESULTS: 'KV PUT failed: 500 Internal Server Error',
  ASIDE: 'KV PUT failed: 500 Internal Server Error',
}

/** Slow, but within the Worker's deadlines. */
const SLOW_MS: Record<Store, number> = { D1: 1_500, INTAKE: 800, ASIDE: 800, EVENTS: 3_000, RESULTS: 3_000 }

/** One call of one of the Worker's handlers. An isolate that has ended makes no more calls. */
export type Invocation = { callsLeft: number | null }

/** What all invocations share. */
export type Stage = {
  orders: Orders
  /** The calls that hang. */
  held: (() => Promise<unknown>)[]
  failed: Record<Store, number>
  calls: number
  inIntake: number
}

type Through = <Value>(store: Store, call: () => Promise<Value>) => Promise<Value>

/** As long as stalls of D1 are reported to last. */
const STALL_MS = 80_000

/** What hangs ends in an error, long after whoever called has to have given up. */
async function stall(store: Store): Promise<never> {
  await pause(STALL_MS)
  throw new Error(OUTAGE[store])
}

const gateOf =
  (stage: Stage, invocation: Invocation): Through =>
  async (store, call) => {
    if (invocation.callsLeft !== null) {
      if (invocation.callsLeft === 0) return stall(store)
      invocation.callsLeft -= 1
    }
    const failing = stage.orders.failures[store]
    stage.calls += 1
    if (!failing || (failing.everySecond && stage.calls % 2 === 0)) return call()
    stage.failed[store] += 1
    if (failing.way === 'hangs') {
      stage.held.push(call)
      return stall(store)
    }
    if (failing.way === 'is slow') await pause(SLOW_MS[store])
    if (failing.way !== 'throws') {
      const value = await call()
      if (failing.way === 'is slow') return value
    }
    throw new Error(failing.words ?? OUTAGE[store])
  }

/** The Worker's bindings for one invocation. */
export function stagedEnv(env: Env, stage: Stage, invocation: Invocation): Env {
  const through = gateOf(stage, invocation)
  return {
    ...env,
    DB: database(env.DB, through),
    RESULTS: namespace('RESULTS', env.RESULTS, through),
    ASIDE: namespace('ASIDE', env.ASIDE, through),
    EVENTS: wrapped(env.EVENTS, 'EVENTS', through, ['send', 'sendBatch', 'metrics']),
    INTAKE: intake(env.INTAKE, stage, through),
  }
}

/** The same object, but for these methods, which go through the gate. */
function wrapped<Target extends object>(target: Target, store: Store, through: Through, methods: string[]): Target {
  return new Proxy(target, {
    get(from, name) {
      const value: unknown = Reflect.get(from, name)
      if (typeof value !== 'function') return value
      const call = (...args: unknown[]): unknown => Reflect.apply(value, from, args)
      if (!methods.includes(String(name))) return call
      return (...args: unknown[]) => through(store, async () => call(...args))
    },
  })
}

const namespace = (store: Store, kv: KVNamespace, through: Through) =>
  wrapped(kv, store, through, ['get', 'getWithMetadata', 'put', 'list', 'delete'])

/** Counts what was taken, so that the rehearsal knows when nothing waits any more. */
function intake(queue: Queue, stage: Stage, through: Through): Queue {
  const counted = new Proxy(queue, {
    get(from, name) {
      if (name !== 'send') return Reflect.get(from, name) as unknown
      return async (...args: Parameters<Queue['send']>) => {
        const sent = await from.send(...args)
        stage.inIntake += 1
        return sent
      }
    },
  })
  return wrapped(counted, 'INTAKE', through, ['send', 'sendBatch', 'metrics'])
}

/** A batch wants the real statements. */
const realStatements = new WeakMap<D1PreparedStatement, D1PreparedStatement>()

function statement(real: D1PreparedStatement, through: Through): D1PreparedStatement {
  const gated = wrapped(real, 'D1', through, ['run', 'first', 'all', 'raw'])
  const outer = new Proxy(gated, {
    get(from, name) {
      if (name === 'bind') return (...values: unknown[]) => statement(real.bind(...values), through)
      return Reflect.get(from, name) as unknown
    },
  })
  realStatements.set(outer, real)
  return outer
}

function database(real: D1Database, through: Through): D1Database {
  return new Proxy(real, {
    get(from, name) {
      if (name === 'prepare') return (sql: string) => statement(from.prepare(sql), through)
      if (name === 'batch') {
        return (statements: D1PreparedStatement[]) =>
          through('D1', () => from.batch(statements.map((each) => realStatements.get(each) ?? each)))
      }
      if (name === 'exec') return (sql: string) => through('D1', () => from.exec(sql))
      return Reflect.get(from, name) as unknown
    },
  })
}
