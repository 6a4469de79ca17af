/** The bill: what Cloudflare counts of each thing that the Worker does. docs/limits.md turns it into money. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { LEDGER_STEPS } from '../src/store/purge.ts'
import { signedCallback } from './callbacks.ts'
import { type Bill, billOf, counted, rowsWrittenBy, takeIntake } from './counted.ts'
import { cron, deliver, storedAt } from './worker.ts'

const SECOND = 1000
const MINUTE = 60_000
const DAY = 86_400_000

/** KV goes by its own clock, so the tests' begins today. Each test has a time of its own: notes are kept for a minute. */
let clock = Math.floor(Date.now() / DAY) * DAY
const later = (ms: number) => vi.setSystemTime(Date.now() + ms)

const callback = (task_id: string, more = {}) => JSON.stringify(signedCallback({ task_id, ...more }))
const keepTen = { ...counted, RETENTION_DAYS: 10 }

const down = () => Promise.reject(new Error('down'))
const NO_KV = { RESULTS: { put: down } }
const NO_QUEUE = { EVENTS: { send: down } }
const NO_D1 = { DB: { prepare: () => ({ bind: () => ({ run: down }) }), batch: down } }
const KV_USED_UP = { RESULTS: { put: () => Promise.reject(new Error('KV put() limit exceeded for the day.')) } }

async function tenDeliveries(settings = {}): Promise<void> {
  for (let n = 0; n < 10; n += 1) {
    await deliver(callback(`task ${n}`), settings)
    later(SECOND)
  }
}

/** An isolate that has its schema, and has noted for this minute what it notes once a minute. */
beforeEach(async () => {
  clock += 10 * MINUTE
  vi.useFakeTimers({ now: clock, toFake: ['Date'] })
  await deliver(callback('warm'))
  await deliver({ ...signedCallback({ task_id: 'warm' }), signature: '0'.repeat(40) })
  await deliver(callback('warm', { timestamp: '1400000000' }))
  await deliver(callback('warm'))
  await cron(10)
  for (const table of ['snapshots', 'ledger', 'quarantine']) await env.DB.prepare(`DELETE FROM ${table}`).run()
  await env.DB.prepare(`DELETE FROM state WHERE name = 'feed_top'`).run()
  later(SECOND)
})

/** Results that came before, published. */
async function stored(count: number): Promise<void> {
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
    INSERT INTO snapshots (place, task_id, status, content, via, record)
    SELECT (?2 - i) * 1000, 't' || i, 'completed', 'c' || i, 'callback', json_object('task_id', 't' || i) FROM n`,
  )
    .bind(count, clock)
    .run()
}

/** A result that is newer than the others: where the newest one goes, its place is noted for whoever reads the feed. */
async function newest(): Promise<void> {
  later(SECOND)
  await deliver(callback('newest'))
  await storedAt(Date.now(), 'newest')
}

/** A body that nobody has signed, other than the others. */
const forged = (n: number) => ({ ...signedCallback({ task_id: `forged ${n}` }), signature: 'f'.repeat(40) })

/** What is to be paid for. What it needs is there before, and costs nothing here. */
type Work = () => Promise<unknown>
type Line = [what: string, costs: Bill, given: () => Promise<Work> | Work]

const callbacks: Line[] = [
  [
    'a callback, stored and published',
    { requests: 1, d1Calls: 2, statements: 4, rowsRead: 10, rowsWritten: 5, kvWrites: 1, messages: 1, logLines: 1 },
    () => () => deliver(callback('task'), counted),
  ],
  [
    'the same callback, byte for byte',
    { requests: 1, d1Calls: 1, statements: 3, rowsRead: 6, logLines: 1 },
    async () => {
      const body = callback('task')
      await deliver(body)
      return () => deliver(body, counted)
    },
  ],
  [
    'the same callback, with a new signature',
    { requests: 1, d1Calls: 1, statements: 3, rowsRead: 6, rowsWritten: 1, logLines: 1 },
    async () => {
      await deliver(callback('task'))
      later(SECOND)
      return () => deliver(callback('task'), counted)
    },
  ],
  [
    'a callback with a wrong signature, kept',
    { requests: 1, d1Calls: 1, statements: 3, rowsRead: 8, rowsWritten: 8, logLines: 1 },
    () => () => deliver({ ...signedCallback(), signature: 'f'.repeat(40) }, counted),
  ],
  [
    'a wrong signature, in a minute in which sixty were kept',
    { requests: 1, logLines: 1 },
    async () => {
      for (let n = 0; n < 60; n += 1) await deliver(forged(n))
      return () => deliver(forged(60), counted)
    },
  ],
  [
    "a callback when KV's day is used up",
    { requests: 1, d1Calls: 2, statements: 4, rowsRead: 10, rowsWritten: 6, messages: 1, logLines: 2 },
    () => () => deliver(callback('task'), { ...counted, ...KV_USED_UP }),
  ],
  [
    'a callback while D1 is down, and INTAKE after it',
    { requests: 2, d1Calls: 2, statements: 4, rowsRead: 10, rowsWritten: 5, kvWrites: 1, messages: 2, logLines: 3 },
    () => async () => {
      await deliver(callback('task'), { ...counted, ...NO_D1 })
      await takeIntake()
    },
  ],
]

const upkeep: Line[] = [
  [
    'a minute in which nothing is due',
    { requests: 1, d1Calls: 1, statements: 1, rowsRead: 31 },
    () => () => cron(1, counted),
  ],
  [
    'ten results that neither KV nor the queue took, by the sweep',
    {
      requests: 2,
      d1Calls: 5,
      statements: 5,
      rowsRead: 174,
      rowsWritten: 30,
      kvWrites: 10,
      messages: 11,
      logLines: 1,
    },
    async () => {
      await tenDeliveries({ ...NO_KV, ...NO_QUEUE })
      later(2 * MINUTE)
      return async () => {
        await cron(1, counted)
        await takeIntake()
      }
    },
  ],
]

describe.each([
  ['callbacks', callbacks],
  ['upkeep', upkeep],
])('the bill for %s', (_title, lines) => {
  it.each(lines)('%s', async (_what, costs, given) => {
    const work = await given()
    expect(await billOf(work)).toEqual(costs)
  })
})

describe('a task', () => {
  it('writes five rows of D1, and two when it and its signature leave', async () => {
    const body = signedCallback({ task_id: 'task', nonce: 'a-nonce' })
    await cron(1, keepTen)
    const written = await rowsWrittenBy(async () => {
      await deliver(body, keepTen)
      later(32 * DAY)
      await newest()
      await cron(minuteOf(body.signature), keepTen)
      await takeIntake(keepTen)
    })
    const { 'INSERT state': _note, ...life } = written // one a minute, however many tasks
    const leaving = { 'DELETE snapshots': 1, 'DELETE ledger': 1 }
    expect(life).toEqual({ 'INSERT ledger': 1, 'INSERT snapshots': 3, 'UPDATE snapshots': 1, ...leaving })
  })

  it('costs the same each time, however much is stored', async () => {
    const bills: Bill[] = []
    for (let n = 0; n < 10; n += 1) {
      later(SECOND)
      bills.push(await billOf(() => deliver(callback(`task ${n}`), counted)))
      if (n === 5) await stored(5_000)
    }
    expect(bills).toEqual(bills.map(() => bills[0]))
  })
})

describe('a conflict', () => {
  it('reads no more than a few rows, however many disputes are open', async () => {
    await deliver(callback('task'))
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 990)
      INSERT INTO quarantine (id, reason, detail, signature, task_id, received_at, body, ask_app, ask_vendor, ask_due)
      SELECT 'conflict:' || i, 'conflict', '', 'used', 't' || i, ?1, '', '12345', 'tencent', ?1 FROM n`,
    )
      .bind(clock)
      .run()
    const { rowsRead } = await billOf(() => deliver(callback('task', { field_id: '2' }), counted))
    expect(rowsRead).toBeLessThan(15)
  })
})

/** Minutes since 1970 begin anywhere; a signature's turn is by its first digits. Not one that drains. */
function minuteOf(signature: string): number {
  const first = Math.floor(Date.UTC(2026, 0, 1) / MINUTE) % LEDGER_STEPS
  const minute = (Number.parseInt(signature.slice(0, 3), 16) - first + LEDGER_STEPS) % LEDGER_STEPS
  return minute % 10 === 0 ? minute + LEDGER_STEPS : minute
}
