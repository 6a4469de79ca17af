import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { factsOrNothing } from '../../src/store/health.ts'
import { sha256 } from '../../src/callback/bytes.ts'
import { keep, newEntry } from '../../src/store/keep.ts'
import { findEntry, lookIsDue, removeOfReason } from '../../src/store/quarantine.ts'
import { applyMigrations } from '../../src/store/schema.ts'
import { settle } from '../../src/store/settle.ts'
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

/** What is counted of each bucket. */
const buckets = async () => {
  const { results } = await env.DB.prepare('SELECT reason, count FROM quarantine_counts').all()
  return Object.fromEntries(results.map(({ reason, count }) => [reason, count]))
}

describe('the quarantine', () => {
  it('is bounded for each reason when an entry is written, however fast they come', async () => {
    await fill('unsupported_event', 1000)
    for (let n = 0; n < 5; n += 1) await settle(env.DB, unusable(`signature ${n}`, `content ${n}`))
    const left = 'SELECT count(*) AS count, min(received_at) AS oldest FROM quarantine'
    expect(await env.DB.prepare(left).first()).toEqual({ count: 1000, oldest: 6 })
  })

  it('takes what was received before all the others of its reason: the oldest of them goes', async () => {
    await fill('unsupported_event', 1000)
    const { id } = (await settle(env.DB, { ...unusable('late'), receivedAt: 0 })) as { id: string }
    expect(await findEntry(env.DB, id)).toMatchObject({ received_at: 0 })
    expect(await buckets()).toEqual({ unsupported_event: 1000 })
  })

  it.each([
    ['one task', (n: number) => verified('used', `forged ${n}`, 'task')],
    ['a few tasks', (n: number) => verified('used', `forged ${n}`, `task ${n % 3}`)],
  ])('has a place for a callback whose signature forty bodies of %s have used before', async (_title, forged) => {
    for (let n = 0; n < 40; n += 1) await settle(env.DB, forged(n))
    expect(await settle(env.DB, verified('used', 'genuine', 'genuine'))).toEqual({ status: 'signature_reused' })
    for (let n = 40; n < 45; n += 1) await settle(env.DB, verified('used', `later ${n}`, `later ${n}`))
    const kept = await env.DB.prepare(`SELECT task_id FROM quarantine WHERE signature = 'used'`).all()
    expect(kept.results).toHaveLength(16)
    expect(kept.results).toContainEqual({ task_id: 'genuine' })
  })

  it('loses nothing to a body that its signature has no place for', async () => {
    await fill('signature_reused', 1000)
    for (let n = 0; n < 40; n += 1) await settle(env.DB, verified('used', `forged ${n}`, `task ${n}`))
    const left = await env.DB.prepare(`SELECT count(*) AS count, min(received_at) AS oldest FROM quarantine`).first()
    expect(left).toEqual({ count: 1000, oldest: 17 })
  })

  it('counts what was answered 202 apart: a full thousand of it leaves room for a thousand others', async () => {
    await fill('unsupported_event', 1000)
    await env.DB.prepare('UPDATE quarantine SET acknowledged = 1').run()
    for (let n = 0; n < 3; n += 1) await settle(env.DB, unusable(`signature ${n}`, `content ${n}`))
    expect(await buckets()).toEqual({ unsupported_event: 3, 'unsupported_event:acknowledged': 1000 })
    await settle(env.DB, unusable('signature 0', 'content 0'), { acknowledged: true })
    expect(await buckets()).toEqual({ unsupported_event: 2, 'unsupported_event:acknowledged': 1001 })
    await env.DB.prepare('DELETE FROM quarantine').run()
    expect(await buckets()).toEqual({ unsupported_event: 0, 'unsupported_event:acknowledged': 0 })
  })

  it('knows from the second time on that a callback was answered 202', async () => {
    const acknowledged = () => env.DB.prepare('SELECT acknowledged FROM quarantine').first('acknowledged')
    await settle(env.DB, unusable('signature', 'content'))
    expect(await acknowledged()).toBeNull()
    for (let n = 0; n < 2; n += 1) await settle(env.DB, unusable('signature', 'content'), { acknowledged: true })
    expect(await acknowledged()).toBe(1)
  })

  it('gives a large body back as it came, text or not', async () => {
    for (const [n, byte] of [97, 255].entries()) {
      const body = new Uint8Array(1_900_000).fill(byte)
      const entry = { ...newEntry(unusable(`signature ${n}`, `content ${n}`), 'stale', ''), body }
      await keep(env.DB, entry, 0)
      const found = await findEntry(env.DB, `stale:content ${n}`)
      expect(await sha256(found!.body)).toBe(await sha256(body))
    }
  })

  it('removes so many large bodies at once as D1 takes in time, and tells that there are more', async () => {
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
      INSERT INTO quarantine (id, reason, detail, signature, received_at, body)
      SELECT 'conflict:' || i, 'conflict', '', '', i, zeroblob(1900000) FROM n`,
    ).run()
    expect(await removeOfReason(env.DB, 'conflict')).toEqual({ deleted: 26, left: 34 })
    expect(await removeOfReason(env.DB, 'conflict')).toEqual({ deleted: 26, left: 8 })
    expect(await removeOfReason(env.DB, 'conflict')).toEqual({ deleted: 8, left: 0 })
    expect(await buckets()).toEqual({ conflict: 0, 'conflict:large': 0 })
  })

  describe('of callbacks that were not verified', () => {
    const KEPT = `SELECT count(*) AS count, sum(octet_length(body)) AS bytes FROM quarantine`
    const keepOf = (bytes: number, n: number, now = 0, content = `content ${n}`) => {
      const entry = newEntry(unusable(`signature ${n}`, content), 'bad_signature', '')
      return keep(env.DB, { ...entry, body: new Uint8Array(bytes).fill(97), copy: `${n}` }, now)
    }
    const full = async () => (await factsOrNothing(env.DB))?.quarantined.bad_signature.full

    it('takes only so many bytes of large ones, and small ones all the same', async () => {
      for (let n = 0; n < 20; n += 1) await keepOf(1_900_000, n, n)
      expect(await env.DB.prepare(KEPT).first()).toEqual({ count: 16, bytes: 16 * 1_900_000 })
      expect(await full()).toEqual({ since: 15, onlyOfLarge: true })
      expect([await keepOf(32_769, 20), await keepOf(32_768, 21)]).toEqual(['full', 'new'])
      expect(await env.DB.prepare(KEPT).first()).toEqual({ count: 17, bytes: 16 * 1_900_000 + 32_768 })
    })

    it('has room again at once when what filled it is deleted', async () => {
      for (let n = 0; n < 17; n += 1) await keepOf(1_900_000, n, n)
      await removeOfReason(env.DB, 'bad_signature')
      expect(await full()).toBeNull()
      for (let n = 0; n < 17; n += 1) await keepOf(1_900_000, n, 100 + n)
      expect(await env.DB.prepare(KEPT).first()).toMatchObject({ count: 16 })
      expect(await full()).toEqual({ since: 115, onlyOfLarge: true })
    })

    it('finds an entry to look at without reading those that this version has refused', async () => {
      await fill('bad_signature', 1000)
      await env.DB.prepare('UPDATE quarantine SET refused_by = 5').run()
      const read = async (version: number) => {
        const { results, meta } = await env.DB.prepare(`SELECT ${lookIsDue(`${version}`, '0')} AS isDue`).all()
        return [results[0]!['isDue'], meta.rows_read < 5]
      }
      expect([await read(5), await read(6)]).toEqual([
        [0, true],
        [1, true],
      ])
    })

    it('has the genuine one of a content known beforehand, though forged copies came before and one after', async () => {
      for (let n = 0; n < 5; n += 1) await keepOf(10, n, 0, 'known')
      await keepOf(10, 100, 0, 'known')
      await keepOf(10, 101, 0, 'known')
      const { results } = await env.DB.prepare('SELECT signature FROM quarantine ORDER BY rowid').all()
      expect(results.map(({ signature }) => signature)).toEqual(['signature 0', 'signature 100', 'signature 101'])
    })
  })
})
