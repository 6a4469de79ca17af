import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { factsOrNothing } from '../../src/store/health.ts'
import { listEntries, newEntry, removeOfReason } from '../../src/store/quarantine.ts'
import { applyMigrations } from '../../src/store/schema.ts'
import { settle } from '../../src/store/settle.ts'
import { hasRoomForUnverified, keepUnverified } from '../../src/store/unverified.ts'
import { unusable, verified } from './verified.ts'

beforeEach(() => applyMigrations(env.DB))

const fill = (reason: string, count: number) =>
  env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
    INSERT INTO quarantine (id, reason, detail, signature, task_id, received_at, body)
    SELECT ?1 || ':' || i, ?1, '', i, 'task-' || (i % 10), i, '{}' FROM n`,
  )
    .bind(reason, count)
    .run()

describe('the quarantine', () => {
  it('is bounded for each reason when an entry is written, however fast they come', async () => {
    await fill('unsupported_event', 1000)
    for (let n = 0; n < 5; n += 1) await settle(env.DB, unusable(`signature ${n}`, `content ${n}`))
    const left = 'SELECT count(*) AS count, min(received_at) AS oldest FROM quarantine'
    expect(await env.DB.prepare(left).first()).toEqual({ count: 1000, oldest: 6 })
  })

  it.each([
    ['one task', 1, (n: number) => verified('used', `forged ${n}`, 'task')],
    ['as many tasks', 2, (n: number) => verified('used', `forged ${n}`, `task ${n}`)],
    ['a few tasks', 3, (n: number) => verified('used', `forged ${n}`, `task ${n % 3}`)],
  ])('has a place for a callback whose signature forty bodies of %s have used before', async (_title, hour, forged) => {
    const now = hour * 3_600_000 // an isolate replaces so many a minute
    for (let n = 0; n < 40; n += 1) await settle(env.DB, forged(n), { now })
    const genuine = verified('used', 'genuine', 'genuine')
    expect(await settle(env.DB, genuine, { now })).toEqual({ status: 'signature_reused', kept: true })
    for (let n = 40; n < 45; n += 1) await settle(env.DB, forged(n), { now })
    const kept = await env.DB.prepare(`SELECT task_id FROM quarantine WHERE signature = 'used'`).all()
    expect(kept.results).toHaveLength(16)
    expect(kept.results).toContainEqual({ task_id: 'genuine' })
  })

  it('knows from the second time on that a callback was answered 202', async () => {
    const acknowledged = () => env.DB.prepare('SELECT acknowledged FROM quarantine').first('acknowledged')
    await settle(env.DB, unusable('signature', 'content'))
    expect(await acknowledged()).toBeNull()
    for (let n = 0; n < 2; n += 1) await settle(env.DB, unusable('signature', 'content'), { acknowledged: true })
    expect(await acknowledged()).toBe(1)
  })

  it('removes all of a reason, a thousand at a time, and tells how many are left', async () => {
    await fill('stale', 1200)
    await fill('conflict', 2)
    expect(await removeOfReason(env.DB, 'stale')).toEqual({ deleted: 1000, left: 200 })
    expect(await removeOfReason(env.DB, 'stale', 1101)).toEqual({ deleted: 100, left: 0 })
    expect(await removeOfReason(env.DB, 'stale')).toEqual({ deleted: 100, left: 0 })
    expect((await listEntries(env.DB, { limit: 5 })).items.map(({ reason }) => reason)).toEqual([
      'conflict',
      'conflict',
    ])
  })

  it('is listed by reason, by task, and by both', async () => {
    await fill('stale', 20)
    await fill('conflict', 20)
    const count = async (filter: object) => (await listEntries(env.DB, { limit: 100, ...filter })).items.length
    expect(await count({ reason: 'stale' })).toBe(20)
    expect(await count({ task_id: 'task-1' })).toBe(4)
    expect(await count({ reason: 'stale', task_id: 'task-1' })).toBe(2)
  })

  describe('of callbacks that were not verified', () => {
    const KEPT = `SELECT count(*) AS count, sum(octet_length(body)) AS bytes FROM quarantine`
    const keepOf = (bytes: number, n: number, now = 0) => {
      const entry = newEntry(unusable(`signature ${n}`, `content ${n}`), 'bad_signature', '')
      return keepUnverified(env.DB, { ...entry, body: new Uint8Array(bytes).fill(97) }, `${n}`, 'version', now)
    }
    const full = async () => (await factsOrNothing(env.DB))!.quarantined.bad_signature.full

    it('takes only so many bytes of large ones, and small ones all the same', async () => {
      for (let n = 0; n < 20; n += 1) await keepOf(1_900_000, n, n)
      expect(await env.DB.prepare(KEPT).first()).toEqual({ count: 16, bytes: 16 * 1_900_000 })
      expect(await full()).toEqual({ since: 15, onlyOfLarge: true })
      expect([32_769, 32_768].map((bytes) => hasRoomForUnverified('bad_signature', bytes, 20))).toEqual([false, true])
      await keepOf(32_769, 20)
      await keepOf(32_768, 21)
      expect(await env.DB.prepare(KEPT).first()).toEqual({ count: 17, bytes: 16 * 1_900_000 + 32_768 })
    })

    it('has room again once what filled it is deleted', async () => {
      for (let n = 0; n < 17; n += 1) await keepOf(1_900_000, n, n)
      await removeOfReason(env.DB, 'bad_signature')
      expect(await full()).toBeNull()
      for (let n = 0; n < 17; n += 1) await keepOf(1_900_000, n, 100 + n)
      expect(await env.DB.prepare(KEPT).first()).toMatchObject({ count: 16 })
      expect(await full()).toEqual({ since: 115, onlyOfLarge: true })
    })
  })
})
