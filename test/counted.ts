/** The Worker's bindings with a meter on each: what a piece of work costs, in the units that Cloudflare bills. */
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import type { IntakeMessage } from '../src/jobs.ts'
import worker from '../src/worker.ts'
import { resultsOf, type Statement, type Watch, watched } from '../tools/lib/stores.ts'

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

/** What D1 was asked, in order. */
let asked: Statement[] = []

const HANDLERS = ['fetch', 'queue', 'scheduled'] as const
const LEVELS = ['info', 'warn', 'error'] as const

/** Of all the work, and of what it left for after its answer. */
export async function billOf(work: () => Promise<unknown>): Promise<Bill> {
  Object.assign(meter, NOTHING)
  written = {}
  asked = []
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

/** The statements that the work asked D1 for, and the rows that D1 read for all of them. */
export async function askedBy(work: () => Promise<unknown>): Promise<{ asked: Statement[]; rowsRead: number }> {
  const { rowsRead = 0 } = await billOf(work)
  return { asked, rowsRead }
}

function calls(spies: readonly { mock: { calls: unknown[] } }[]): number {
  return spies.reduce((sum, { mock }) => sum + mock.calls.length, 0)
}

/** Messages to INTAKE, until `takeIntake`: the local queue would deliver them to a Worker without meters. */
const held: IntakeMessage[] = []
const INTAKE = {
  async send(message: IntakeMessage) {
    held.push(message)
  },
} as never

const UNITS = {
  get: 'kvReads',
  put: 'kvWrites',
  delete: 'kvDeletes',
  list: 'kvLists',
  send: 'messages',
} satisfies Record<string, keyof typeof NOTHING>

const count: Watch = async ({ store, method, statements }, work) => {
  const unit = store === 'D1' ? 'd1Calls' : UNITS[method as keyof typeof UNITS]
  if (unit === undefined) throw new Error(`${store}.${method} has no meter`)
  meter[unit] += 1
  asked.push(...statements)
  const value = await work()
  for (const [index, { meta }] of resultsOf(value).entries()) countRows(meta, statements[index]!.sql)
  return value
}

function countRows({ rows_read, rows_written }: D1Meta, sql: string): void {
  meter.statements += 1
  meter.rowsRead += rows_read
  meter.rowsWritten += rows_written
  if (rows_written === 0) return
  const [, verb, table] = /^\s*(INSERT|UPDATE|DELETE)(?: INTO| FROM)? (\w+)/.exec(sql)!
  written[`${verb} ${table}`] = (written[`${verb} ${table}`] ?? 0) + rows_written
}

/** To be given as settings to whatever calls the Worker. */
export const counted = watched({ ...env, INTAKE }, count)

/** Delivers what INTAKE holds, as one batch, and what is to come again as the next one. */
export async function takeIntake(settings = {}): Promise<void> {
  while (held.length > 0) {
    const messages = held.splice(0).map((body, n) => ({
      id: String(n),
      timestamp: new Date(),
      attempts: 1,
      body,
      ack() {},
      retry: () => held.push(body),
    }))
    const batch = { queue: 'zego-snapshots-intake', messages, metadata: {}, ackAll() {}, retryAll() {} }
    await worker.queue(batch as never, { ...env, ...counted, ...settings })
  }
}
