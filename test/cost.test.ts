/** The bill: what Cloudflare counts of each thing that the Worker does. docs/cost.md turns it into money. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { versionOf } from '../src/settings.ts'
import { claim, verdict } from '../src/store/installation.ts'
import { LEDGER_STEPS } from '../src/store/purge.ts'
import { signedCallback } from './callbacks.ts'
import { type Bill, billOf, counted, rowsWrittenBy, takeIntake } from './counted.ts'
import { visitor } from './dashboard/visitor.ts'
import { api, del, get, post } from './http/api.ts'
import { cron, deliver, request } from './worker.ts'

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
const NO_INTAKE = { INTAKE: { send: down } }
const KV_USED_UP = { RESULTS: { put: () => Promise.reject(new Error('KV put() limit exceeded for the day.')) } }

const HOST = 'https://receiver.test'
const HEALTH = `${HOST}/healthz`

async function tenDeliveries(settings = {}): Promise<void> {
  for (let n = 0; n < 10; n += 1) {
    await deliver(callback(`task ${n}`), settings)
    later(SECOND)
  }
}

async function anHour(settings: Record<string, unknown>): Promise<void> {
  for (let minute = 0; minute < 60; minute += 1) await cron(minute, settings)
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
}

/** A body that nobody has signed, other than the others. */
const forged = (n: number) => ({ ...signedCallback({ task_id: `forged ${n}` }), signature: 'f'.repeat(40) })

/** A thousand bodies in quarantine from which nothing could be read. */
async function full(): Promise<void> {
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    INSERT INTO quarantine (id, reason, detail, signature, received_at, body, looked_by)
    SELECT 'undecodable:' || i || ':', 'undecodable', '', '', ?1, '', 'x' FROM n`,
  )
    .bind(clock)
    .run()
  await deliver('noted', NO_D1)
}

/** What is to be paid for. What it needs is there before, and costs nothing here. */
type Work = () => Promise<unknown>
type Line = [what: string, costs: Bill, given: () => Promise<Work> | Work]

const callbacks: Line[] = [
  [
    'a callback, stored and published',
    { requests: 1, d1Calls: 2, statements: 4, rowsRead: 9, rowsWritten: 5, kvWrites: 1, messages: 1, logLines: 1 },
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
    { requests: 1, d1Calls: 1, statements: 2, rowsRead: 6, rowsWritten: 8, logLines: 1 },
    () => () => deliver({ ...signedCallback(), signature: 'f'.repeat(40) }, counted),
  ],
  [
    'a stale callback, kept',
    { requests: 1, d1Calls: 1, statements: 3, rowsRead: 3, rowsWritten: 7, logLines: 1 },
    () => () => deliver(callback('task', { timestamp: '1500000000' }), counted),
  ],
  [
    'other content for a known task, kept',
    { requests: 1, d1Calls: 2, statements: 6, rowsRead: 9, rowsWritten: 8, logLines: 1 },
    async () => {
      await deliver(callback('task'))
      return () => deliver(callback('task', { field_id: '2' }), counted)
    },
  ],
  [
    'another body under a used signature, kept',
    { requests: 1, d1Calls: 2, statements: 7, rowsRead: 24, rowsWritten: 7, logLines: 1 },
    async () => {
      const signed = signedCallback({ task_id: 'task' })
      await deliver(signed)
      await deliver({ ...signed, field_id: 'noted' })
      return () => deliver({ ...signed, field_id: 'other' }, counted)
    },
  ],
  [
    'the seventeenth such body, in place of another',
    { requests: 1, d1Calls: 2, statements: 7, rowsRead: 190, rowsWritten: 9, logLines: 1 },
    async () => {
      const signed = signedCallback({ task_id: 'task' })
      await deliver(signed)
      for (let n = 0; n < 16; n += 1) await deliver({ ...signed, field_id: `other ${n}` })
      return () => deliver({ ...signed, field_id: 'one more' }, counted)
    },
  ],
  [
    'one more, in a minute in which sixty were replaced',
    { requests: 1, d1Calls: 2, statements: 6, rowsRead: 24, logLines: 1 },
    async () => {
      const signed = signedCallback({ task_id: 'task' })
      await deliver(signed)
      for (let n = 0; n < 16; n += 1) await deliver({ ...signed, field_id: `other ${n}` })
      for (let n = 0; n < 60; n += 1) await deliver({ ...signed, field_id: `replaced ${n}` })
      return () => deliver({ ...signed, field_id: 'one more' }, counted)
    },
  ],
  [
    'the seventeenth stale body under one signature',
    { requests: 1, d1Calls: 1, statements: 3, rowsRead: 21, logLines: 1 },
    async () => {
      const stale = signedCallback({ timestamp: '1500000000' })
      for (let n = 0; n < 16; n += 1) await deliver({ ...stale, field_id: `stale ${n}` })
      return () => deliver({ ...stale, field_id: 'one more' }, counted)
    },
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
    'no callback at all, where a thousand such are kept',
    { requests: 1, d1Calls: 1, statements: 2, rowsRead: 5, rowsWritten: 1, logLines: 1 },
    async () => (await full(), () => deliver('one more', counted)),
  ],
  [
    'the same again, within ten minutes',
    { requests: 1, logLines: 1 },
    async () => {
      await full()
      await deliver('one more')
      return () => deliver('and again', counted)
    },
  ],
  [
    "a callback when KV's day is used up",
    { requests: 1, d1Calls: 2, statements: 4, rowsRead: 9, rowsWritten: 6, messages: 1, logLines: 2 },
    () => () => deliver(callback('task'), { ...counted, ...KV_USED_UP }),
  ],
  [
    'a callback while D1 is down, and INTAKE after it',
    { requests: 2, d1Calls: 2, statements: 4, rowsRead: 9, rowsWritten: 5, kvWrites: 1, messages: 2, logLines: 3 },
    () => async () => {
      await deliver(callback('task'), { ...counted, ...NO_D1 })
      await takeIntake()
    },
  ],
  [
    'ten such callbacks, of which INTAKE makes one batch',
    {
      requests: 11,
      d1Calls: 11,
      statements: 40,
      rowsRead: 90,
      rowsWritten: 50,
      kvWrites: 10,
      messages: 20,
      logLines: 30,
    },
    () => async () => {
      await tenDeliveries({ ...counted, ...NO_D1 })
      await takeIntake()
    },
  ],
  [
    'ten conflicts out of INTAKE, in one batch',
    { requests: 1, d1Calls: 20, statements: 60, rowsRead: 125, rowsWritten: 80, logLines: 10 },
    async () => {
      await tenDeliveries()
      for (let n = 0; n < 10; n += 1) await deliver(callback(`task ${n}`, { field_id: '2' }), { ...counted, ...NO_D1 })
      return takeIntake
    },
  ],
  [
    'a callback while D1 and INTAKE are down, and two minutes after it',
    {
      requests: 3,
      d1Calls: 17,
      statements: 19,
      rowsRead: 65,
      rowsWritten: 5,
      kvReads: 1,
      kvWrites: 2,
      kvDeletes: 1,
      kvLists: 2,
      messages: 1,
      logLines: 4,
    },
    () => async () => {
      await deliver(callback('task'), { ...counted, ...NO_D1, ...NO_INTAKE })
      await cron(1, counted)
      later(2 * MINUTE)
      await cron(2, counted)
    },
  ],
  [
    'a callback that is the first of a minute in its isolate',
    { requests: 1, d1Calls: 3, statements: 5, rowsRead: 9, rowsWritten: 6, kvWrites: 1, messages: 1, logLines: 1 },
    () => {
      later(2 * MINUTE)
      return () => deliver(callback('task'), counted)
    },
  ],
]

const reads: Line[] = [
  [
    'GET one',
    { requests: 1, d1Calls: 1, statements: 1, rowsRead: 1 },
    async () => (await deliver(callback('task')), () => get('/v1/snapshots/task', counted)),
  ],
  [
    'GET one that the reader has: 304',
    { requests: 1, d1Calls: 1, statements: 1, rowsRead: 1 },
    async () => {
      await deliver(callback('task'))
      const etag = (await get('/v1/snapshots/task')).headers.get('etag')!
      return () => api('/v1/snapshots/task', { headers: { 'if-none-match': etag } }, counted)
    },
  ],
  [
    'GET one that is not known',
    { requests: 1, d1Calls: 1, statements: 1 },
    () => () => get('/v1/snapshots/none', counted),
  ],
  [
    'GET one with wait=25, pending all the time',
    { requests: 1, d1Calls: 29, statements: 29, rowsRead: 29 },
    async () => {
      await env.DB.prepare(
        `INSERT INTO snapshots (place, task_id, status, record) VALUES (1, 'slow', 'pending', '{}')`,
      ).run()
      vi.spyOn(scheduler, 'wait').mockImplementation(async (ms) => void later(ms))
      return () => get('/v1/snapshots/slow?wait=25', counted)
    },
  ],
  [
    'a list of 20',
    { requests: 1, d1Calls: 1, statements: 1, rowsRead: 21 },
    async () => (await stored(200), () => get('/v1/snapshots', counted)),
  ],
  [
    'GET /v1/status',
    { requests: 1, d1Calls: 2, statements: 4, rowsRead: 16 },
    async () => (await stored(200), () => get('/v1/status', counted)),
  ],
  [
    'GET /healthz',
    { requests: 1, d1Calls: 1, statements: 3, rowsRead: 13 },
    async () => (await stored(200), () => request(HEALTH, {}, counted)),
  ],
  [
    'GET /healthz again, within 10 s',
    { requests: 1 },
    async () => (await request(HEALTH), () => request(HEALTH, {}, counted)),
  ],
  ['a request with a wrong API token', { requests: 1 }, () => () => request(`${HOST}/v1/snapshots`, {}, counted)],
  [
    "the dashboard's gallery",
    { requests: 1, d1Calls: 3, statements: 5, rowsRead: 74 },
    async () => {
      await stored(200)
      const someone = visitor(counted)
      await someone.signIn()
      return () => someone.open('/')
    },
  ],
  [
    'its look for news, every 15 s while it is open',
    { requests: 1, d1Calls: 1, statements: 1, rowsRead: 1 },
    async () => {
      const someone = visitor(counted)
      await someone.signIn()
      return () => someone.open('/new?than=1')
    },
  ],
]

/** Another isolate has not asked yet whose database it is. */
const firstRequest = () => {
  verdict.until = 0
  return request(`${HOST}/openapi.json`, {}, counted)
}

const upkeep: Line[] = [
  [
    'what the first request of an isolate costs more',
    { requests: 1, d1Calls: 1, statements: 1, rowsRead: 1 },
    async () => {
      await claim(env.DB, versionOf(env), Date.now())
      return firstRequest
    },
  ],
  [
    'the same after a deploy',
    { requests: 1, d1Calls: 2, statements: 2, rowsRead: 6, rowsWritten: 1, kvReads: 5 },
    async () => {
      await tenDeliveries()
      later(2 * 60 * MINUTE)
      await claim(env.DB, 'the version before', Date.now())
      return firstRequest
    },
  ],
  [
    'a minute in which nothing is due',
    { requests: 1, d1Calls: 7, statements: 7, rowsRead: 28 },
    () => () => cron(1, counted),
  ],
  [
    'the same with RETENTION_DAYS',
    { requests: 1, d1Calls: 9, statements: 10, rowsRead: 33 },
    async () => (await cron(1, keepTen), () => cron(1, keepTen)),
  ],
  [
    'an hour in which nothing is due',
    { requests: 60, d1Calls: 439, statements: 439, rowsRead: 1680, rowsWritten: 12, kvLists: 14 },
    () => () => anHour(counted),
  ],
  [
    'ten results that neither KV nor the queue took, by the sweep',
    {
      requests: 2,
      d1Calls: 10,
      statements: 18,
      rowsRead: 134,
      rowsWritten: 30,
      kvWrites: 10,
      messages: 11,
      logLines: 2,
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
  [
    'ten results that only KV did not take, by the sweep',
    {
      requests: 2,
      d1Calls: 11,
      statements: 19,
      rowsRead: 140,
      rowsWritten: 30,
      kvWrites: 10,
      messages: 1,
      logLines: 2,
    },
    async () => {
      await tenDeliveries(NO_KV)
      later(2 * MINUTE)
      return async () => {
        await cron(1, counted)
        await takeIntake()
      }
    },
  ],
  [
    "the same when KV's day is used up",
    { requests: 1, d1Calls: 8, statements: 8, rowsRead: 34, rowsWritten: 4, logLines: 2 },
    async () => {
      await tenDeliveries(NO_KV)
      later(2 * MINUTE)
      return () => cron(1, { ...counted, ...KV_USED_UP })
    },
  ],
  [
    'ten results leave after RETENTION_DAYS',
    { requests: 1, d1Calls: 10, statements: 12, rowsRead: 104, rowsWritten: 10, logLines: 1 },
    async () => {
      await cron(1, keepTen)
      later(DAY)
      await tenDeliveries(keepTen)
      await env.DB.prepare('DELETE FROM ledger').run()
      later(11 * DAY)
      await newest()
      return () => cron(1, keepTen)
    },
  ],
  [
    'ten results leave that came before RETENTION_DAYS was set',
    { requests: 1, d1Calls: 20, statements: 42, rowsRead: 208, rowsWritten: 60, kvDeletes: 10, logLines: 1 },
    async () => {
      await tenDeliveries()
      await env.DB.prepare('DELETE FROM ledger').run()
      await cron(1, keepTen)
      later(11 * DAY)
      await newest()
      return () => cron(1, keepTen)
    },
  ],
  [
    'a refused callback that another version accepts',
    { requests: 1, d1Calls: 11, statements: 13, rowsRead: 41, rowsWritten: 8, kvWrites: 1, messages: 1, logLines: 1 },
    async () => {
      await deliver(callback('task'), { ZEGO_CALLBACK_SECRET: 'wrong', VERSION: { id: 'wrong' } })
      return () => cron(1, { ...counted, VERSION: { id: 'right' } })
    },
  ],
  [
    'one that it does not accept either',
    { requests: 1, d1Calls: 8, statements: 8, rowsRead: 35, rowsWritten: 2, logLines: 1 },
    async () => {
      await deliver(forged(1), { VERSION: { id: 'one' } })
      return () => cron(1, { ...counted, VERSION: { id: 'other' } })
    },
  ],
  [
    'POST republish',
    { requests: 1, d1Calls: 2, statements: 2, rowsRead: 4, rowsWritten: 3, kvWrites: 1, messages: 1, logLines: 1 },
    async () => (await deliver(callback('task')), () => post('/v1/snapshots/task/republish', counted)),
  ],
  [
    'DELETE one',
    { requests: 1, d1Calls: 2, statements: 5, rowsRead: 5, rowsWritten: 5, kvDeletes: 1, logLines: 1 },
    async () => {
      await deliver(callback('task'))
      await newest()
      return () => del('/v1/snapshots/task', counted)
    },
  ],
]

describe.each([
  ['callbacks', callbacks],
  ['reading', reads],
  ['upkeep', upkeep],
])('the bill for %s', (_title, lines) => {
  it.each(lines)('%s', async (_what, costs, given) => {
    const work = await given()
    expect(await billOf(work)).toEqual(costs)
  })
})

describe('a task', () => {
  /** From its callback to the day when all that may leave has left. */
  async function lifeOf(nonce: string) {
    const body = signedCallback({ task_id: 'task', nonce })
    await cron(1, keepTen)
    const written = await rowsWrittenBy(async () => {
      await deliver(body, keepTen)
      later(32 * DAY)
      await newest()
      await cron(minuteOf(body.signature), keepTen)
    })
    const { 'INSERT state': _note, ...life } = written // one a minute, however many tasks
    return life
  }
  const life = { 'INSERT ledger': 1, 'INSERT snapshots': 3, 'UPDATE snapshots': 1, 'DELETE snapshots': 1 }

  it('writes five rows of D1, and one when it leaves: its signature can speak for a time to come', async () => {
    expect(await lifeOf('986123412')).toEqual({ ...life, 'DELETE ledger': 1 })
  })

  it('writes another when its signature leaves, which can speak for none', async () => {
    expect(await lifeOf('a-nonce')).toEqual({ ...life, 'DELETE ledger': 1 })
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

/** Cloudflare's in November 2026: dollars a million, what the paid plan includes a month, what the free plan has a day. */
const PRICES: Record<string, { of: (bill: Bill) => number; price: number; included: number; free: number }> = {
  requests: { of: ({ requests = 0 }) => requests, price: 0.3, included: 10e6, free: 100_000 },
  'D1 rows written': { of: ({ rowsWritten = 0 }) => rowsWritten, price: 1, included: 50e6, free: 100_000 },
  'D1 rows read': { of: ({ rowsRead = 0 }) => rowsRead, price: 0.001, included: 25e9, free: 5e6 },
  'KV writes': { of: ({ kvWrites = 0 }) => kvWrites, price: 5, included: 1e6, free: 1_000 },
  'KV lists': { of: ({ kvLists = 0 }) => kvLists, price: 5, included: 1e6, free: 1_000 },
  'queue operations': { of: ({ messages = 0 }) => messages * 3, price: 0.4, included: 1e6, free: 10_000 },
}
const MINUTES_A_DAY = 1_440
const HOURS_A_DAY = 24
const HOURS_A_MONTH = 720
const SUBSCRIPTION = 5

describe('docs/cost.md', () => {
  const [doc = ''] = Object.values(
    import.meta.glob<string>('../docs/cost.md', { query: '?raw', import: 'default', eager: true }),
  )
  const costsOf = (what: string) => [...callbacks, ...reads, ...upkeep].find(([name]) => name === what)![1]
  const task = costsOf('a callback, stored and published')
  const idle = costsOf('an hour in which nothing is due')

  /** The rows of the table under a heading, without what is in bold. */
  function rowsUnder(heading: string): string[][] {
    const [section = ''] = doc.split(`\n## ${heading}\n`)[1]?.split('\n## ') ?? []
    const lines = section.split('\n').filter((line) => line.startsWith('|'))
    return lines.slice(2).map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.replaceAll('**', '').trim()),
    )
  }

  it('says what is counted here', () => {
    const kvOf = ({ kvReads, kvWrites, kvDeletes, kvLists }: Bill) =>
      Object.entries({ read: kvReads, write: kvWrites, delete: kvDeletes, list: kvLists })
        .filter(([, count]) => count)
        .map(([name, count]) => `${count} ${name}${count === 1 ? '' : 's'}`)
        .join(', ')
    const counts = [...callbacks, ...reads, ...upkeep].map(([what, bill]) => [
      what,
      ...[bill.requests, bill.statements, bill.rowsRead, bill.rowsWritten].map((count) => whole(count ?? 0)),
      kvOf(bill),
      ...[bill.messages, bill.logLines].map((count) => whole(count ?? 0)),
    ])
    expect(rowsUnder('What Cloudflare counts')).toEqual(counts)
  })

  it('makes money of it', () => {
    const charge = (tasks: number) => (part: (typeof PRICES)[string]) =>
      (Math.max(0, part.of(task) * tasks + part.of(idle) * HOURS_A_MONTH - part.included) * part.price) / 1e6
    const parts = Object.values(PRICES)
    const sum = (amounts: number[]) => amounts.reduce((a, b) => a + b, 0)
    const bill = (tasks: number) => dollars(SUBSCRIPTION + sum(parts.map(charge(tasks))))
    expect(rowsUnder('What a million tasks cost')).toEqual([
      ...Object.entries(PRICES).map(([name, part]) => [
        name,
        whole(part.of(task)),
        dollars(part.price),
        dollars(part.of(task) * part.price),
        `${whole(part.included / 1e6)} million`,
        dollars(charge(1e6)(part)),
        dollars(charge(10e6)(part)),
      ]),
      ['the plan', '', '', '', '', dollars(SUBSCRIPTION), dollars(SUBSCRIPTION)],
      ['together', '', '', dollars(sum(parts.map((part) => part.of(task) * part.price))), '', bill(1e6), bill(10e6)],
    ])
  })

  it('knows what idle time costs', () => {
    const hours = [1, HOURS_A_DAY, HOURS_A_MONTH]
    const idling = Object.entries(PRICES).map(([name, part]) => [name, ...hours.map((n) => whole(part.of(idle) * n))])
    expect(rowsUnder('While no callback arrives')).toEqual(idling)
    const health = costsOf('GET /healthz').rowsRead! * MINUTES_A_DAY
    expect(doc).toContain(`adds ${whole(MINUTES_A_DAY)} requests and ${whole(health)} rows read a day`)
  })

  it('counts the days of the free plan', () => {
    const days = Object.entries(PRICES).map(([name, part]) => {
      const aDay = part.of(idle) * HOURS_A_DAY
      const tasks = part.of(task) === 0 ? '' : whole(Math.floor((part.free - aDay) / part.of(task)))
      return [name, whole(part.free), whole(aDay), whole(part.of(task)), tasks]
    })
    expect(rowsUnder('The free plan').map((row) => row.slice(0, 5))).toEqual(days)
  })

  it('tells what an attacker uses up of the free plan in a day', () => {
    const [kept, tried] = [
      costsOf('a callback with a wrong signature, kept'),
      costsOf('no callback at all, where a thousand such are kept'),
    ]
    const [first, replaced, more] = [
      costsOf('another body under a used signature, kept'),
      costsOf('the seventeenth such body, in place of another'),
      costsOf('one more, in a minute in which sixty were replaced'),
    ]
    const reasons = 3 // a wrong signature, a wrong path, no callback at all
    const times = [1_000 * reasons, (MINUTES_A_DAY / 10) * reasons] as const
    const without = {
      rows: times[0] * kept.rowsWritten! + times[1] * tried.rowsWritten! + MINUTES_A_DAY * reasons,
      reads: times[0] * kept.rowsRead! + times[1] * tried.rowsRead!,
    }
    const replacements = 60 * 10 // as long as the signature is fresh
    const others = PRICES['requests']!.free - idle.requests! * HOURS_A_DAY - replacements
    const captured = {
      rows: 16 * first.rowsWritten! + replacements * replaced.rowsWritten!,
      reads: replacements * replaced.rowsRead! + others * more.rowsRead!,
    }
    expect(rowsUnder('What an attacker uses up')).toEqual([
      ['no captured callback', whole(without.rows), whole(without.reads)],
      ['one captured callback', whole(captured.rows), whole(captured.reads)],
    ])
    const freeReads = PRICES['D1 rows read']!.free - idle.rowsRead! * HOURS_A_DAY
    for (const used of [without, captured]) {
      expect(used.rows).toBeLessThan(PRICES['D1 rows written']!.free)
      expect(used.reads).toBeLessThan(freeReads)
    }
    const until = Math.floor(freeReads / more.rowsRead!)
    expect(doc).toContain(`would take ${whole(until)} requests`)
    expect(doc).toContain(
      `A million forged bodies cost ${dollars(0.3)} for requests and write ${whole(without.rows)} rows`,
    )
  })

  it('tells how far D1 reaches when KV is used up, and tried in vain each minute', () => {
    const [late, tries] = ["a callback when KV's day is used up", "the same when KV's day is used up"].map(
      (what) => costsOf(what).rowsWritten!,
    )
    const inVain = tries! * MINUTES_A_DAY
    const [rows, kv] = [PRICES['D1 rows written']!.free, PRICES['KV writes']!.free]
    const reach = kv + Math.floor((rows - idle.rowsWritten! * 24 - inVain - kv * task.rowsWritten!) / late!)
    expect(doc).toContain(`up to ${whole(inVain)} rows a day`)
    expect(doc).toContain(`D1 itself is used up at ${whole(reach)} tasks a day`)
  })
})

/** With thousands marked; nothing for none. */
function whole(count: number): string {
  return count === 0 ? '' : count.toLocaleString('en-US')
}

function dollars(amount: number): string {
  return `$${amount < 0.01 && amount > 0 ? amount.toFixed(3) : amount.toFixed(2)}`
}

/** Minutes since 1970 begin anywhere; a signature's turn is by its first digits. Not one that drains. */
function minuteOf(signature: string): number {
  const first = Math.floor(Date.UTC(2026, 0, 1) / MINUTE) % LEDGER_STEPS
  const minute = (Number.parseInt(signature.slice(0, 3), 16) - first + LEDGER_STEPS) % LEDGER_STEPS
  return minute % 10 === 0 ? minute + LEDGER_STEPS : minute
}
