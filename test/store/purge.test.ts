import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { deleteOld, LEDGER_STEPS } from '../../src/store/purge.ts'
import { REASONS } from '../../src/store/quarantine.ts'
import { signedCallback } from '../callbacks.ts'
import { cron, deliver, read, recordInKv, rows } from '../worker.ts'

const DAY = 86_400_000
/** KV goes by its own clock. */
const START = Math.floor(Date.now() / DAY) * DAY
const days = (n: number) => vi.setSystemTime(START + n * DAY)

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] })
})

const keepTen = { RETENTION_DAYS: 10 }
const stored = async () => (await rows('SELECT task_id FROM snapshots ORDER BY place')).map(({ task_id }) => task_id)

/** The minute at which a signature's turn comes. Minutes since 1970 begin anywhere: the test's hour 0 is at a place of its own. */
function minuteOf(signature: string): number {
  const first = Math.floor(Date.UTC(2026, 0, 1) / 60_000) % LEDGER_STEPS
  return (Number.parseInt(signature.slice(0, 3), 16) - first + LEDGER_STEPS) % LEDGER_STEPS
}

describe('results', () => {
  it('are kept for ever unless RETENTION_DAYS is set, or while it cannot be read', async () => {
    await deliver(signedCallback({ task_id: 'kept' }))
    days(10_000)
    await cron()
    await cron(1, { RETENTION_DAYS: 'ten' })
    await cron(1, { RETENTION_DAYS: '' })
    expect(await stored()).toEqual(['kept'])
  })

  it('leave D1 and KV when their days are over, not before', async () => {
    await deliver(signedCallback({ task_id: 'old' }), keepTen)
    await cron(1, keepTen)
    days(1)
    await deliver(signedCallback({ task_id: 'new' }), keepTen)
    days(10)
    await cron(1, keepTen)
    expect(await stored()).toEqual(['old', 'new'])
    vi.setSystemTime(START + 10 * DAY + 1)
    await cron(1, keepTen)
    expect(await stored()).toEqual(['new'])
    expect((await read('old')).status).toBe(404)
    expect(await recordInKv('new')).not.toBeNull()
  })

  it('that were put into KV before RETENTION_DAYS was set leave it too', async () => {
    await deliver(signedCallback({ task_id: 'old' }))
    days(20)
    await cron(1, keepTen)
    expect([await stored(), await recordInKv('old')]).toEqual([[], null])
  })

  it('that expire in KV by themselves cost no delete there', async () => {
    await cron(1, keepTen)
    days(1)
    const put = vi.spyOn(env.RESULTS, 'put')
    await deliver(signedCallback({ task_id: 'expiring' }), keepTen)
    expect(put.mock.calls[0]![2]).toMatchObject({ expiration: (START + 11 * DAY) / 1000 })
    const kvDelete = vi.spyOn(env.RESULTS, 'delete')
    days(12)
    await cron(1, keepTen)
    expect(await stored()).toEqual([])
    expect(kvDelete).not.toHaveBeenCalled()
  })

  it('stay in KV while it fails to delete them, and no longer', async () => {
    await deliver(signedCallback({ task_id: 'old' }))
    days(20)
    const broken = vi.spyOn(env.RESULTS, 'delete').mockRejectedValue(new Error('KV is down'))
    await cron(1, keepTen)
    expect(await stored()).toEqual([])
    expect(await rows('SELECT task_id FROM removals WHERE kv_due IS NOT NULL')).toEqual([{ task_id: 'old' }])
    broken.mockRestore()
    vi.setSystemTime(START + 20 * DAY + 60_000)
    await cron(1, keepTen)
    expect(await recordInKv('old')).toBeNull()
    expect(await rows('SELECT task_id FROM removals')).toEqual([])
  })

  it('leave D1, and with them old signatures and entries, though KV takes no delete', async () => {
    for (const task_id of ['a', 'b']) await deliver(signedCallback({ task_id, nonce: task_id }))
    await deliver(signedCallback({ task_id: 'expiring', nonce: 'c' }), keepTen)
    await deliver(signedCallback({ event: 'compose', nonce: 'd' }))
    vi.spyOn(env.RESULTS, 'delete').mockRejectedValue(new Error('KV delete() limit exceeded for the day.'))
    days(40)
    const signatures = await rows<{ signature: string }>('SELECT signature FROM ledger')
    for (const { signature } of signatures) await cron(minuteOf(signature), keepTen)
    for (const table of ['snapshots', 'ledger', 'quarantine']) {
      expect([table, await rows(`SELECT 1 FROM ${table}`)]).toEqual([table, []])
    }
    expect(await rows('SELECT task_id FROM removals ORDER BY task_id')).toEqual([{ task_id: 'a' }, { task_id: 'b' }])
  })

  it('are never removed before they are published', async () => {
    const send = vi.spyOn(env.EVENTS, 'send').mockRejectedValue(new Error('down'))
    await deliver(signedCallback({ task_id: 'unpublished' }), keepTen)
    days(20)
    await cron(1, keepTen)
    expect(await stored()).toEqual(['unpublished'])
    send.mockRestore()
    days(21)
    await cron(1, keepTen) // publishes
    await cron(1, keepTen)
    expect(await stored()).toEqual([])
  })

  it('that are published again after they were looked at stay', async () => {
    await deliver(signedCallback({ task_id: 'again' }))
    const removal = () => deleteOld(env.DB, [{ task_id: 'again', expires: false }], START + DAY, START + DAY)
    await env.DB.prepare('UPDATE snapshots SET kv_due = 1').run()
    expect([await removal(), await rows('SELECT 1 FROM removals')]).toEqual([0, []])
    await env.DB.prepare('UPDATE snapshots SET kv_due = NULL').run()
    expect(await removal()).toBe(1)
  })

  it('that cannot go yet hold up the others for a while only', async () => {
    await read('x')
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
      INSERT INTO snapshots (place, task_id, status, content, record, event_due, unpublished_since)
      SELECT i * 1000, 't' || i, 'completed', 'c', '{}', CASE WHEN i <= 600 THEN 9e15 END, 1 FROM n`,
    ).run()
    for (let n = 0; n < 60 && (await stored()).length > 600; n += 1) await cron(1, keepTen)
    expect(await rows('SELECT count(*) AS n FROM snapshots')).toEqual([{ n: 600 }])
  })

  it('of pending tasks are none: they stay', async () => {
    await read('x')
    await env.DB.prepare(
      `INSERT INTO snapshots (place, task_id, status, record) VALUES (1, 'pending', 'pending', '{}')`,
    ).run()
    await cron(1, keepTen)
    expect(await stored()).toEqual(['pending'])
  })

  it('go in slices that read and write a bounded number of rows', async () => {
    await read('x')
    await cron(1, keepTen)
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
      INSERT INTO snapshots (place, task_id, status, content, record) SELECT ${START} * 1000 + 3 * 3600000000 + i, 't' || i, 'completed', 'c', '{}' FROM n`,
    ).run()
    days(30)
    await cron(1, keepTen)
    expect(await rows('SELECT count(*) AS n FROM snapshots')).toEqual([{ n: 2500 }])
    await cron(1, keepTen)
    expect(await stored()).toEqual([])
  })
})

describe('RETENTION_DAYS that changes', () => {
  /** Each key's end in KV, in days after the start. Values whose end has come are there still: KV goes by its own clock. */
  const ends = async () =>
    Object.fromEntries(
      (await env.RESULTS.list()).keys.map(({ name, expiration }) => [
        name,
        expiration === undefined ? null : (expiration * 1000 - START) / DAY,
      ]),
    )
  const everything = async (settings: Record<string, unknown>) => {
    for (let minute = 1; minute < 4; minute += 1) await cron(minute, settings)
  }
  beforeEach(async () => {
    await deliver(signedCallback({ task_id: 'day 0' }), keepTen)
    await everything(keepTen)
    days(1)
    await deliver(signedCallback({ task_id: 'day 1' }), keepTen)
  })

  it.each([
    ['is raised', 20, { 'day 0': 20, 'day 1': 21 }],
    ['is removed', undefined, { 'day 0': null, 'day 1': null }],
    ['is 0', 0, { 'day 0': null, 'day 1': null }],
    ['cannot be read', 'ten', { 'day 0': 10, 'day 1': 11 }],
  ])('and %s: no value ends in KV before its row', async (_title, RETENTION_DAYS, expected) => {
    await everything({ RETENTION_DAYS })
    expect([await ends(), await stored()]).toEqual([expected, ['day 0', 'day 1']])
  })

  it('and is lowered: values leave KV with their rows', async () => {
    await everything({ RETENTION_DAYS: 20 })
    vi.setSystemTime(START + 1.5 * DAY)
    await everything({ RETENTION_DAYS: 1 })
    expect([Object.keys(await ends()), await stored()]).toEqual([['day 1'], ['day 1']])
  })

  it('and cannot be read for a day: what came meanwhile leaves when its days are over', async () => {
    await deliver(signedCallback({ task_id: 'meanwhile' }), { RETENTION_DAYS: 'ten' })
    await everything({ RETENTION_DAYS: 'ten' })
    days(2)
    await everything(keepTen)
    days(12)
    await everything(keepTen)
    expect([await stored(), Object.keys(await ends())]).toEqual([[], ['day 0', 'day 1']]) // which end by themselves
  })

  it('and is lowered to 1 under very many results works them off, and rows and values end equal', async () => {
    await everything(keepTen)
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
      INSERT INTO snapshots (place, task_id, status, content, record) SELECT ?1 * 1000 + i, 't' || i, 'completed', 'c', '{}' FROM n`,
    )
      .bind(START)
      .run()
    const last = Array.from({ length: 60 }, (_, n) => `t${n + 11_941}`)
    for (const taskId of last) await env.RESULTS.put(taskId, '{}')
    days(1.5)
    const oneDay = { RETENTION_DAYS: 1 }
    let minutes = 0
    for (; (await stored()).length > 1; minutes += 1) await cron(minutes * 10 + 1, oneDay)
    expect(minutes).toBe(5)
    await env.DB.prepare(`UPDATE removals SET kv_due = NULL WHERE task_id NOT IN ('${last.join("','")}')`).run()
    for (const limit of [1, 2, 3]) await cron(limit, oneDay)
    await vi.waitFor(async () => expect(Object.keys(await ends())).toEqual(['day 1']), 5_000)
  })
})

describe('the ledger', () => {
  /** The minute at which a signature's turn comes. */
  async function atItsTurn(settings = {}) {
    const [row] = await rows<{ signature: string }>('SELECT signature FROM ledger')
    await cron(minuteOf(row!.signature), settings)
    return (await rows('SELECT signature FROM ledger')).length
  }
  /** No split of it claims a later time. */
  const callback = () => signedCallback({ nonce: 'a-nonce' })

  it('is kept for ever without RETENTION_DAYS', async () => {
    await deliver(callback())
    days(10_000)
    expect(await atItsTurn()).toBe(1)
  })

  it('forgets a signature after RETENTION_DAYS, and not before 30 days', async () => {
    await deliver(callback(), keepTen)
    days(30)
    expect(await atItsTurn(keepTen)).toBe(1)
    days(31)
    expect(await atItsTurn({ RETENTION_DAYS: 40 })).toBe(1)
    expect(await atItsTurn(keepTen)).toBe(0)
  })

  it('keeps a signature whose characters can claim a later time, until that is stale', async () => {
    const later = String((START + 60 * DAY) / 1000)
    await deliver(signedCallback({ nonce: later }), keepTen)
    const [claim] = await rows<{ latest_claim: number }>('SELECT latest_claim FROM ledger')
    expect(claim!.latest_claim).toBeGreaterThanOrEqual(START + 60 * DAY)
    vi.setSystemTime(claim!.latest_claim + 600_000)
    expect(await atItsTurn(keepTen)).toBe(1)
    vi.setSystemTime(claim!.latest_claim + 600_001)
    expect(await atItsTurn(keepTen)).toBe(0)
  })

  it.each([0, 10_000_000])('lets none of what it forgot in again when the tolerance becomes %j', async (tolerance) => {
    const old = callback()
    await deliver(old, keepTen)
    days(31)
    expect(await atItsTurn(keepTen)).toBe(0)
    const lenient = { ...keepTen, SIGNATURE_TOLERANCE_SECONDS: tolerance }
    const answer = await deliver({ ...old, task_id: 'forged' }, lenient)
    expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'stale', age_seconds: (31 * DAY) / 1000 }])
    expect(await rows(`SELECT 1 FROM snapshots WHERE task_id = 'forged'`)).toEqual([])
    expect((await deliver(signedCallback({ task_id: 'new' }), lenient)).status).toBe(200)
  })

  it.each([0, 'x', ''])('forgets nothing while the tolerance is %j: no timestamp is ever stale', async (tolerance) => {
    await deliver(callback(), keepTen)
    days(1000)
    expect(await atItsTurn({ ...keepTen, SIGNATURE_TOLERANCE_SECONDS: tolerance })).toBe(1)
  })

  it('is walked through, a step a minute', async () => {
    await deliver(callback(), keepTen)
    days(31)
    const [row] = await rows<{ signature: string }>('SELECT signature FROM ledger')
    await cron((minuteOf(row!.signature) + 1) % LEDGER_STEPS, keepTen)
    expect(await rows('SELECT count(*) AS n FROM ledger')).toEqual([{ n: 1 }])
    expect(await atItsTurn(keepTen)).toBe(0)
  })
})

describe('the quarantine', () => {
  async function kept(count: number, reason: string, at: number) {
    await read('x')
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
      INSERT INTO quarantine (id, reason, detail, signature, received_at, body)
      SELECT ?2 || ':' || i, ?2, '', '', ?3 + i, '' FROM n`,
    )
      .bind(count, reason, at)
      .run()
  }
  const left = (reason: string) =>
    rows(`SELECT count(*) AS n, min(received_at) AS oldest FROM quarantine WHERE reason = '${reason}'`)
  const everyReason = async () => {
    for (let minute = 1; minute <= REASONS.length; minute += 1) await cron(minute)
  }

  it('keeps 30 days', async () => {
    await deliver(signedCallback({ event: 'compose' }))
    days(30)
    await cron()
    expect(await left('unsupported_event')).toMatchObject([{ n: 1 }])
    vi.setSystemTime(START + 30 * DAY + 1)
    await cron()
    expect(await left('unsupported_event')).toMatchObject([{ n: 0 }])
  })

  it('keeps the newest 1,000 of each reason', async () => {
    await kept(1010, 'stale', START)
    await kept(1000, 'conflict', START)
    await everyReason()
    expect(await left('stale')).toEqual([{ n: 1000, oldest: START + 11 }])
    expect(await left('conflict')).toEqual([{ n: 1000, oldest: START + 1 }])
  })

  it('keeps what was answered 202 beyond them, and it holds up no other reason', async () => {
    for (const reason of ['conflict', 'stale']) await kept(1005, reason, START)
    await env.DB.prepare(`UPDATE quarantine SET acknowledged = 1 WHERE reason = 'conflict' AND received_at > ?1`)
      .bind(START + 3)
      .run()
    await cron()
    expect(await left('conflict')).toEqual([{ n: 1002, oldest: START + 4 }])
    expect(await left('stale')).toEqual([{ n: 1000, oldest: START + 6 }])
  })

  it('comes down to its bound from far above it', async () => {
    await kept(6000, 'stale', START)
    for (let n = 0; n < 3; n += 1) await everyReason()
    expect(await left('stale')).toEqual([{ n: 1000, oldest: START + 5001 }])
  })
})

it('logs nothing while there is nothing to purge', async () => {
  await cron(1, keepTen)
  const log = vi.spyOn(console, 'info')
  await cron(2, keepTen)
  expect(log).not.toHaveBeenCalled()
})

it('logs one line when there was', async () => {
  await deliver(signedCallback({ task_id: 'old' }), keepTen)
  days(20)
  const log = vi.spyOn(console, 'info')
  await cron(2, keepTen)
  expect(log.mock.calls).toEqual([[JSON.stringify({ event: 'purge.done', what: 'snapshots', rows: 1 })]])
})
