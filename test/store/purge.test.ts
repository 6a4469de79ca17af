import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { LEDGER_STEPS } from '../../src/store/purge.ts'
import { signedCallback } from '../callbacks.ts'
import { post } from '../http/api.ts'
import { cron, deliver, read, recordInKv, rows, storedAt } from '../worker.ts'

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
    await storedAt(START, 'old')
    await cron(1, keepTen)
    days(1)
    await deliver(signedCallback({ task_id: 'new' }), keepTen)
    await storedAt(START + DAY, 'new')
    days(10)
    await cron(1, keepTen)
    expect(await stored()).toEqual(['old', 'new'])
    vi.setSystemTime(START + 10 * DAY + 1)
    await cron(1, keepTen)
    expect(await stored()).toEqual(['new'])
    expect((await read('old')).status).toBe(404)
    expect(await recordInKv('new')).not.toBeNull()
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
    vi.setSystemTime(START + 20 * DAY + 120_000)
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

  it('that have left are not stored again by the callback that brought them', async () => {
    const callback = signedCallback({ task_id: 'old' })
    await deliver(callback, keepTen)
    await storedAt(START, 'old')
    days(10.5)
    await cron(1, keepTen)
    const again = await deliver(callback, { ...keepTen, SIGNATURE_TOLERANCE_SECONDS: 0 })
    expect(await again.json()).toEqual({ status: 'duplicate', task_id: 'old' })
    expect(await stored()).toEqual([])
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

  it('that cannot go yet hold up none behind them, however many they are', async () => {
    await read('x')
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
      INSERT INTO snapshots (place, task_id, status, content, record, event_due, unpublished_since)
      SELECT (${START} - i * 3600000) * 1000, 't' || i, 'completed', 'c', '{}', CASE WHEN i > 3000 THEN 9e15 END, 1 FROM n`,
    ).run()
    const left = () => rows('SELECT count(*) AS n FROM snapshots WHERE publish_at IS NULL')
    days(10)
    await cron(1, keepTen)
    expect(await left()).toEqual([{ n: 3000 }])
    const found: unknown[] = []
    for (const begin of [0.05, 0.2, 0.6]) {
      vi.spyOn(Math, 'random').mockReturnValue(begin)
      await cron(2, keepTen)
      found.push(...(await left()))
    }
    expect(found).toEqual([{ n: 3000 }, { n: 2300 }, { n: 0 }])
  })

  it('go by their bytes too: no statement deletes more of them than D1 can in its time', async () => {
    await read('x')
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
      INSERT INTO snapshots (place, task_id, status, content, record)
      SELECT ${START} * 1000 + i, 't' || i, 'completed', 'c', hex(zeroblob(500000)) FROM n`,
    ).run()
    days(20)
    await cron(1, keepTen)
    expect(await rows('SELECT count(*) AS n FROM snapshots')).toEqual([{ n: 10 }])
    await cron(1, keepTen)
    expect(await stored()).toEqual([])
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
  /** Each key's end in KV, in days after the start. */
  const ends = async () =>
    Object.fromEntries(
      (await env.RESULTS.list()).keys.map(({ name, expiration }) => [
        name,
        expiration === undefined ? null : Math.round(((expiration * 1000 - START) / DAY) * 100) / 100,
      ]),
    )

  it('applies to what is published from then on, and to what is published again', async () => {
    await deliver(signedCallback({ task_id: 'day 0' }), keepTen)
    days(1)
    await deliver(signedCallback({ task_id: 'day 1' }), { RETENTION_DAYS: 20 })
    await cron(1, { RETENTION_DAYS: 20 })
    expect(await ends()).toEqual({ 'day 0': 10, 'day 1': 21 })
    await storedAt(START, 'day 0')
    await post('/v1/snapshots/day%200/republish', { RETENTION_DAYS: 20 })
    await post('/v1/snapshots/day%201/republish', { RETENTION_DAYS: 0 })
    expect(await ends()).toEqual({ 'day 0': 20, 'day 1': null })
  })

  it('takes values out of KV with their rows where it is lowered', async () => {
    await deliver(signedCallback({ task_id: 'day 0' }), keepTen)
    await storedAt(START, 'day 0')
    days(1)
    await deliver(signedCallback({ task_id: 'day 1' }), keepTen)
    await storedAt(START + DAY, 'day 1')
    vi.setSystemTime(START + 1.5 * DAY)
    for (const minute of [1, 2]) await cron(minute, { RETENTION_DAYS: 1 })
    expect([Object.keys(await ends()), await stored()]).toEqual([['day 1'], ['day 1']])
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

  it('forgets a signature after RETENTION_DAYS', async () => {
    await deliver(callback(), keepTen)
    days(10)
    expect(await atItsTurn(keepTen)).toBe(1)
    vi.setSystemTime(START + 10 * DAY + 1)
    expect(await atItsTurn({ RETENTION_DAYS: 11 })).toBe(1)
    expect(await atItsTurn(keepTen)).toBe(0)
  })

  it('keeps a signature for two days at least, and until what it claims has been stale for two', async () => {
    await deliver(callback(), { RETENTION_DAYS: 1 })
    days(2)
    expect(await atItsTurn({ RETENTION_DAYS: 1 })).toBe(1)
    vi.setSystemTime(START + 2 * DAY + 600_000)
    expect(await atItsTurn({ RETENTION_DAYS: 1 })).toBe(1)
    vi.setSystemTime(START + 2 * DAY + 600_001)
    expect(await atItsTurn({ RETENTION_DAYS: 1 })).toBe(0)
  })

  it('forgets what the version before entered for ever, once the secret has been replaced', async () => {
    await deliver(callback(), keepTen)
    await env.DB.prepare('UPDATE ledger SET latest_claim = 9e15').run()
    days(5 * 366)
    expect(await atItsTurn(keepTen)).toBe(1)
    days(5 * 366 + 3)
    expect(await atItsTurn(keepTen)).toBe(0)
  })

  it('keeps a signature as long as the quarantine has an entry of it', async () => {
    const used = callback()
    await deliver(used, keepTen)
    await deliver({ ...used, task_id: 'forged' }, keepTen)
    days(20)
    expect(await atItsTurn(keepTen)).toBe(1)
    await env.DB.prepare('DELETE FROM quarantine').run()
    expect(await atItsTurn(keepTen)).toBe(0)
  })

  it('keeps a signature whose characters can claim a later time, until that is stale', async () => {
    const later = String((START + 60 * DAY) / 1000)
    await deliver(signedCallback({ nonce: later }), keepTen)
    const [claim] = await rows<{ latest_claim: number }>('SELECT latest_claim FROM ledger')
    expect(claim!.latest_claim).toBeGreaterThanOrEqual(START + 60 * DAY)
    vi.setSystemTime(claim!.latest_claim + 2 * DAY + 600_000)
    expect(await atItsTurn(keepTen)).toBe(1)
    vi.setSystemTime(claim!.latest_claim + 2 * DAY + 600_001)
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

describe('a callback that was refused by mistake, and kept', () => {
  const version = (day: number) => ({ VERSION: { id: '', tag: '', timestamp: `2020-01-0${day}T00:00:00Z` } })
  const wrong = { ...keepTen, ...version(1), ZEGO_CALLBACK_SECRET: 'wrong' }
  const right = { ...keepTen, ...version(2) }
  /** A signature that the ledger has, and lets go of at its turn. */
  async function purgeLedgerOf(nonce: string) {
    const old = signedCallback({ task_id: nonce, nonce })
    await deliver(old, keepTen)
    return () => cron(minuteOf(old.signature), wrong)
  }
  const receivedAgain = async () => {
    await cron(4, right)
    return rows(`SELECT task_id FROM snapshots WHERE task_id IN ('kept', 'forged')`)
  }

  it('is accepted once the mistake is put right, though the ledger was purged since', async () => {
    const purge = await purgeLedgerOf('a-nonce')
    days(20)
    await deliver(signedCallback({ task_id: 'kept' }), wrong)
    days(29)
    await purge()
    expect(await rows('SELECT 1 FROM ledger')).toEqual([])
    expect(await receivedAgain()).toEqual([{ task_id: 'kept' }])
  })

  it('is kept in D1 and in KV for as long as any other that is stored now', async () => {
    await deliver(signedCallback({ task_id: 'kept' }), wrong)
    days(12)
    expect(await receivedAgain()).toEqual([{ task_id: 'kept' }])
    const { keys } = await env.RESULTS.list()
    expect(keys.map(({ name, expiration }) => [name, Math.round((expiration! * 1000 - START) / DAY)])).toEqual([
      ['kept', 22],
    ])
  })

  it('is not where its signature was used, though the ledger could have forgotten that since', async () => {
    const used = signedCallback({ task_id: 'used', nonce: 'b-nonce' })
    const forged = { ...used, task_id: 'forged' }
    await deliver(used, keepTen)
    await deliver(forged, wrong)
    days(29)
    await cron(minuteOf(used.signature), wrong)
    expect(await receivedAgain()).toEqual([])
    expect(await rows(`SELECT reason FROM quarantine WHERE task_id = 'forged'`)).toContainEqual({
      reason: 'signature_reused',
    })
  })

  it('is not where the ledger had forgotten its signature before, whatever the tolerance is now', async () => {
    const used = signedCallback({ task_id: 'used', nonce: 'd-nonce' })
    await deliver(used, keepTen)
    days(11)
    await cron(minuteOf(used.signature), keepTen)
    expect(await rows('SELECT 1 FROM ledger')).toEqual([])
    await deliver({ ...used, task_id: 'forged' }, wrong)
    await cron(4, { ...right, SIGNATURE_TOLERANCE_SECONDS: 10_000_000 })
    expect(await rows(`SELECT task_id FROM snapshots WHERE task_id = 'forged'`)).toEqual([])
  })

  it('is accepted within two days where its signature could not be read when it was kept', async () => {
    const purge = await purgeLedgerOf('c-nonce')
    days(15)
    await deliver(signedCallback({ task_id: 'kept' }), wrong)
    await env.DB.prepare(`UPDATE quarantine SET signature = '', reason = 'undecodable'`).run()
    days(16.9)
    await purge()
    expect(await rows('SELECT 1 FROM ledger')).toEqual([])
    expect(await receivedAgain()).toEqual([{ task_id: 'kept' }])
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
  const left = (reason: string) => rows(`SELECT count(*) AS n FROM quarantine WHERE reason = '${reason}'`)

  it('keeps 30 days', async () => {
    await deliver(signedCallback({ event: 'compose' }))
    days(30)
    await cron()
    expect(await left('unsupported_event')).toMatchObject([{ n: 1 }])
    vi.setSystemTime(START + 30 * DAY + 1)
    await cron()
    expect(await left('unsupported_event')).toMatchObject([{ n: 0 }])
  })

  it('keeps what lost late 30 days from then, however old it is', async () => {
    await kept(2, 'replaced', START)
    days(20)
    await env.DB.prepare(`UPDATE quarantine SET kept_at = ?1 WHERE id = 'replaced:1'`).bind(Date.now()).run()
    days(50)
    await cron()
    expect(await left('replaced')).toMatchObject([{ n: 1 }])
    days(51)
    await cron()
    expect(await left('replaced')).toMatchObject([{ n: 0 }])
  })

  it('lets go of large bodies few at a time, since D1 reads each page that it frees', async () => {
    await kept(40, 'conflict', START)
    await env.DB.prepare('UPDATE quarantine SET body = hex(zeroblob(900000))').run()
    days(40)
    await cron()
    expect(await left('conflict')).toMatchObject([{ n: 13 }])
    await cron()
    expect(await left('conflict')).toMatchObject([{ n: 0 }])
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
  await cron(3, keepTen)
  expect(log.mock.calls).toEqual([[JSON.stringify({ event: 'purge.done', what: 'snapshots', rows: 1 })]])
})
