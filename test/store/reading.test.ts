import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { applyMigrations } from '../../src/store/schema.ts'
import { everyMinute } from '../../src/jobs.ts'
import type { Statement } from '../../tools/lib/stores.ts'
import { askedBy, counted } from '../counted.ts'
import { signedIn } from '../dashboard/visitor.ts'
import { del, get, post } from '../http/api.ts'
import { request } from '../worker.ts'

const STORED = 20_000
const MOST_ROWS_READ = 200
const MOST_ROWS_JUDGED = 500
/** What waits is counted up to a thousand, of each kind. */
const MOST_ROWS_COUNTED = 4_000
const START = Date.UTC(2026, 0, 1)

/** 20,000 snapshots, every tenth not completed, 2,000 not published, and a full quarantine. */
async function fill() {
  await applyMigrations(env.DB)
  await env.DB.batch([
    env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${STORED})
      INSERT INTO snapshots (place, task_id, status, content, via, record, kv_due, event_due, unpublished_since)
      SELECT (${START} + i) * 1000, 't' || i,
        CASE WHEN i % 20 = 0 THEN 'pending' WHEN i % 20 = 10 THEN 'failed' ELSE 'completed' END, 'c' || i, 'callback',
        json_object('task_id', 't' || i), CASE WHEN i % 10 = 1 THEN 9e15 END, CASE WHEN i % 20 = 1 THEN 9e15 END, i FROM n`,
    ),
    env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000)
      INSERT INTO quarantine (id, reason, detail, signature, received_at, body)
      SELECT r.value || ':' || i, r.value, '', i, ${START} + i, '{}' FROM n, (SELECT value, key FROM json_each(
        '["invalid_snapshot","unsupported_event","conflict","signature_reused","unknown_app","invalid_timestamp","stale","replaced"]')) r
      WHERE i % 8 = r.key`,
    ),
    env.DB.prepare(
      `INSERT INTO state (name, value, changed_at) SELECT value, '{"waiting":1,"poison":1}', 1 FROM json_each(
        '["aside","retention","callback","refusal:bad_signature","refusal:stale","refusal:not_found"]')`,
    ),
  ])
}

/** The steps of a statement's plan that go through a table from end to end, except those of a few rows. */
async function scansOf({ sql, bound }: Statement): Promise<string[]> {
  const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...bound)
    .all<{ detail: string }>()
  return plan.results
    .map(({ detail }) => detail)
    .filter((step) => /^SCAN (?!\(|CONSTANT|json_each|state|quarantine_counts|\w+ VIRTUAL)/.test(step))
}

const newest = `s${(START + 15_000) * 1000}`
const reads: [string, string][] = [
  ['the first page', '/v1/snapshots'],
  ['the largest page', '/v1/snapshots?limit=100'],
  ['a page in the middle', `/v1/snapshots?limit=100&cursor=${newest}`],
  ['a page of completed ones', '/v1/snapshots?limit=100&status=completed'],
  ['a page of pending ones', `/v1/snapshots?limit=100&status=pending&cursor=${newest}`],
  ['a page of failed ones', '/v1/snapshots?limit=100&status=failed'],
  ['a page of some days', '/v1/snapshots?limit=100&since=2026-01-01&until=2026-01-02'],
  ['the feed', '/v1/snapshots?order=oldest&limit=100'],
  ['the feed in the middle', `/v1/snapshots?order=oldest&limit=100&cursor=f${(START + 15_000) * 1000}-0`],
  ['the feed of failed ones', '/v1/snapshots?order=oldest&limit=100&status=failed'],
  ['one record', '/v1/snapshots/t5'],
  ['an unknown record', '/v1/snapshots/none'],
  ['the quarantine', '/v1/quarantine?limit=100'],
  ['the quarantine in the middle', `/v1/quarantine?limit=100&cursor=q${START + 4000}-5000`],
  ['the quarantine by reason', `/v1/quarantine?limit=100&reason=stale&cursor=q${START + 4000}-5000`],
  ['the quarantine of some days', '/v1/quarantine?limit=100&since=2026-01-01&until=2026-01-02'],
]

describe(`with ${STORED} snapshots stored, and a backlog`, () => {
  beforeEach(fill)

  it(`reads at most ${MOST_ROWS_READ} rows for each page, by an index`, async () => {
    for (const [what, path] of reads) {
      const { asked, rowsRead } = await askedBy(() => get(path, counted))
      expect({ what, enough: rowsRead <= MOST_ROWS_READ, rowsRead }).toEqual({ what, enough: true, rowsRead })
      expect(rowsRead).toBeGreaterThan(what.includes('unknown') ? -1 : 0)
      for (const one of asked) expect([what, await scansOf(one)]).toEqual([what, []])
    }
  })

  it('reads as little for a page of the dashboard, whose badge judges health', async () => {
    const someone = await signedIn(counted)
    const lists = ['/?status=completed', '/?status=failed', '/?status=pending', '/?task_id=t19', '/new?than=5']
    const middle = [
      `/?below=${newest.slice(1)}`,
      `/?above=${newest.slice(1)}`,
      `/quarantine?below=${START + 4000}-4000`,
    ]
    for (const path of ['/', ...lists, ...middle, '/quarantine', '/tasks/t5']) {
      const { asked, rowsRead } = await askedBy(() => someone.open(path))
      expect(rowsRead, path).toBeGreaterThan(0)
      expect(rowsRead, path).toBeLessThan(MOST_ROWS_READ + MOST_ROWS_JUDGED)
      for (const one of asked) expect([path, await scansOf(one)]).toEqual([path, []])
    }
  })

  it('judges health by an index, and by no more than the first hundred that are due with or without an event', async () => {
    const { asked, rowsRead } = await askedBy(() => request('https://receiver.test/healthz', {}, counted))
    expect(rowsRead).toBeLessThan(MOST_ROWS_JUDGED)
    for (const one of asked) expect(await scansOf(one)).toEqual([])
  })

  it('counts by an index, and no further than a thousand', async () => {
    const { asked, rowsRead } = await askedBy(() => get('/v1/status', counted))
    expect(rowsRead).toBeLessThan(MOST_ROWS_COUNTED)
    for (const one of asked) expect(await scansOf(one)).toEqual([])
  })

  it('republishes, retries and deletes by an index', async () => {
    const { asked, rowsRead } = await askedBy(async () => {
      await post('/v1/snapshots/t5/republish', counted)
      await post('/v1/quarantine/stale:7/retry?replace=true', counted)
    })
    expect(rowsRead).toBeLessThan(MOST_ROWS_READ)
    for (const one of asked) expect(await scansOf(one)).toEqual([])
  })

  it('republishes and deletes a thousand by an index', async () => {
    const { asked } = await askedBy(async () => {
      await post('/v1/republish?since=2026-01-01&until=2026-01-02', counted)
      await del('/v1/quarantine?reason=stale', counted)
    })
    for (const one of asked) expect([one.sql, await scansOf(one)]).toEqual([one.sql, []])
  })

  it('purges by an index, in bounded reads', async () => {
    vi.useFakeTimers({ now: START + 5 * 86_400_000, toFake: ['Date'] })
    const { asked, rowsRead } = await askedBy(() => everyMinute({ ...env, ...counted, RETENTION_DAYS: 1 }, 60_000))
    expect(rowsRead).toBeLessThan(35_000)
    for (const one of asked.filter(({ sql }) => !/d1_migrations/.test(sql))) {
      expect([one.sql, await scansOf(one)]).toEqual([one.sql, []])
    }
  })
})
