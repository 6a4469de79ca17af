/** The Worker's bindings with a meter on each: what a piece of work costs, in the units that Cloudflare bills. */
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import type { IntakeMessage } from '../src/intake/buffer.ts'
import worker from '../src/worker.ts'

/** What is not there was not used. */
export type Bill = Partial<typeof NOTHING>

const NOTHING = {
  /** Invocations: by a request, by cron, by a batch of a queue. */
  requests: 0,
  /** A batch is one call, of as many statements as it has. */
  d1Calls: 0,
  statements: 0,
  rowsRead: 0,
  rowsWritten: 0,
  kvReads: 0,
  kvWrites: 0,
  kvDeletes: 0,
  kvLists: 0,
  messages: 0,
  logLines: 0,
}

const meter = { ...NOTHING }

/** The rows written, by what wrote them, such as `INSERT snapshots`. */
let written: Record<string, number> = {}

const HANDLERS = ['fetch', 'queue', 'scheduled'] as const
const LEVELS = ['info', 'warn', 'error'] as const

/** Of all the work, and of what it left for after its answer. */
export async function billOf(work: () => Promise<unknown>): Promise<Bill> {
  Object.assign(meter, NOTHING)
  written = {}
  const runs = HANDLERS.map((name) => vi.spyOn(worker, name))
  const lines = LEVELS.map((level) => vi.spyOn(console, level))
  await work()
  meter.requests = calls(runs)
  meter.logLines = calls(lines)
  for (const spy of [...runs, ...lines]) spy.mockRestore()
  return Object.fromEntries(Object.entries(meter).filter(([, count]) => count > 0))
}

/** The rows that the work wrote, by what wrote them. */
export async function rowsWrittenBy(work: () => Promise<unknown>): Promise<Record<string, number>> {
  await billOf(work)
  return written
}

function calls(spies: readonly { mock: { calls: unknown[] } }[]): number {
  return spies.reduce((sum, { mock }) => sum + mock.calls.length, 0)
}

/** Messages to INTAKE, until `takeIntake`: the local queue would deliver them to a Worker without meters. */
const held: IntakeMessage[] = []

/** To be given as settings to whatever calls the Worker. */
export const counted = {
  DB: metered<D1Database>(env.DB, {
    prepare: (sql) => meteredStatement(env.DB.prepare(sql), sql),
    async batch<Row>(statements: D1PreparedStatement[]) {
      meter.d1Calls += 1
      const known = statements.map((statement) => bare.get(statement)!)
      const results = await env.DB.batch<Row>(known.map(({ statement }) => statement))
      results.forEach((result, n) => read(result, known[n]!.sql))
      return results
    },
  }),
  RESULTS: meteredNamespace(env.RESULTS),
  ASIDE: meteredNamespace(env.ASIDE),
  EVENTS: meteredQueue(env.EVENTS, async (message, options) => env.EVENTS.send(message as never, options)),
  INTAKE: meteredQueue(env.INTAKE, async (message) => {
    held.push(message as IntakeMessage)
    return {} as QueueSendResponse
  }),
}

/** Delivers what INTAKE holds, as one batch. */
export async function takeIntake(): Promise<void> {
  const messages = held.splice(0).map((body, n) => ({
    id: String(n),
    timestamp: new Date(),
    attempts: 1,
    body,
    ack() {},
    retry() {
      throw new Error('INTAKE is asked for a retry')
    },
  }))
  const batch = { queue: 'zego-snapshots-intake', messages, metadata: {}, ackAll() {}, retryAll() {} }
  await worker.queue(batch as never, { ...env, ...counted })
}

/** A binding of which every method that is used has a meter: a way around it is an error. */
function metered<Binding extends object>(binding: Binding, methods: Partial<Binding>): Binding {
  return new Proxy(methods as Binding, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (value === undefined && name in binding) throw new Error(`${String(name)} has no meter`)
      return value
    },
  })
}

type Asked = { statement: D1PreparedStatement; sql: string }
const bare = new WeakMap<D1PreparedStatement, Asked>()

function meteredStatement(statement: D1PreparedStatement, sql: string): D1PreparedStatement {
  const ask = async <Row>() => {
    meter.d1Calls += 1
    return read(await statement.all<Row>(), sql)
  }
  const own = metered<D1PreparedStatement>(statement, {
    bind: (...values) => meteredStatement(statement.bind(...values), sql),
    all: ask,
    run: ask,
    first: async () => ((await ask()).results[0] ?? null) as never,
  })
  bare.set(own, { statement, sql })
  return own
}

function read<Result extends D1Result>(result: Result, sql: string): Result {
  const { rows_read, rows_written } = result.meta
  meter.statements += 1
  meter.rowsRead += rows_read
  meter.rowsWritten += rows_written
  if (rows_written > 0) {
    const [, verb, table] = /^\s*(INSERT|UPDATE|DELETE)(?: INTO| FROM)? (\w+)/.exec(sql)!
    written[`${verb} ${table}`] = (written[`${verb} ${table}`] ?? 0) + rows_written
  }
  return result
}

function meteredNamespace(namespace: KVNamespace): KVNamespace {
  const counting =
    (unit: keyof typeof NOTHING, method: 'get' | 'put' | 'delete' | 'list') =>
    (...given: unknown[]) => {
      meter[unit] += 1
      return Reflect.apply(namespace[method], namespace, given) as Promise<never>
    }
  return metered<KVNamespace>(namespace, {
    get: counting('kvReads', 'get') as KVNamespace['get'],
    put: counting('kvWrites', 'put'),
    delete: counting('kvDeletes', 'delete'),
    list: counting('kvLists', 'list'),
  })
}

function meteredQueue(queue: Queue<never>, send: Queue['send']): Queue {
  return metered<Queue>(queue, {
    async send(message, options) {
      meter.messages += 1
      return send(message, options)
    },
  })
}
