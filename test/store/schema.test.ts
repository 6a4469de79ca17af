import { reset } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { DeadlineExceeded } from '../../src/deadline.ts'
import { applyMigrations, MIGRATIONS, statementsOf } from '../../src/store/schema.ts'
import { isOutage, onDatabase } from '../../src/store/database.ts'
import { signedCallback } from '../callbacks.ts'
import { get } from '../http/api.ts'
import { cron, deliver, rows } from '../worker.ts'

const recorded = async () => {
  const { results } = await env.DB.prepare('SELECT name FROM d1_migrations ORDER BY id').all<{ name: string }>()
  return results.map(({ name }) => name)
}
/** What there is, whatever the order of columns and the white space. */
async function schema() {
  const parts = await rows<{ type: string; name: string; sql: string }>(
    `SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf%' ORDER BY name`,
  )
  const columnsOf = (table: string) =>
    rows(`SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo('${table}') ORDER BY name`)
  const plain = (sql: string) =>
    sql
      .replaceAll(/--.*$/gm, '')
      .replaceAll(/IF NOT EXISTS /g, '')
      .replaceAll(/\s+/g, ' ')
  return Promise.all(
    parts.map(async ({ type, name, sql }) => [name, type === 'table' ? await columnsOf(name) : plain(sql)]),
  )
}

const files = import.meta.glob('../../src/store/migrations/*.sql', { query: '?raw', import: 'default', eager: true })

describe('the schema that the Worker keeps by itself', () => {
  it('bundles every migration file, in order, under its own name', () => {
    const names = Object.keys(files).map((path) => path.split('/').at(-1))
    expect(MIGRATIONS.map(({ name }) => name)).toEqual(names.toSorted())
    expect(MIGRATIONS.map(({ sql }) => sql)).toEqual(Object.values(files))
  })

  it('only adds what the version before does not know, and drops what it does not need', () => {
    for (const statement of MIGRATIONS.flatMap(({ sql }) => statementsOf(sql))) {
      expect(statement).toMatch(
        /^(CREATE (TABLE|INDEX|TRIGGER|VIEW)|ALTER TABLE \w+ ADD COLUMN|INSERT INTO quarantine_counts|DROP (INDEX|TRIGGER|TABLE IF EXISTS disputes)|DELETE FROM (state|quarantine_counts)) ?/,
      )
    }
  })

  it('is the same in a fresh database as in one that the migrations have brought up to date', async () => {
    await applyMigrations(env.DB)
    const fresh = await schema()
    await reset()
    await applyMigrations(env.DB, [...MIGRATIONS])
    expect(await schema()).toEqual(fresh)
  })

  it('is made by the first request that needs it', async () => {
    const answer = await exports.default.fetch('https://receiver.test/v1/snapshots/none', {
      headers: { authorization: 'Bearer test-token' },
    })
    expect(answer.status).toBe(404)
    expect(await recorded()).toEqual(MIGRATIONS.map(({ name }) => name))
  })

  it('is recorded as wrangler records it', async () => {
    await applyMigrations(env.DB)
    const { results } = await env.DB.prepare('PRAGMA table_info(d1_migrations)').all<{ name: string; type: string }>()
    expect(results.map(({ name, type }) => [name, type])).toEqual([
      ['id', 'INTEGER'],
      ['name', 'TEXT'],
      ['applied_at', 'TIMESTAMP'],
    ])
  })

  it('is made once by ten isolates at once', async () => {
    await Promise.all(Array.from({ length: 10 }, () => applyMigrations(env.DB)))
    expect(await recorded()).toEqual(MIGRATIONS.map(({ name }) => name))
  })

  it('is left alone when it is up to date', async () => {
    await applyMigrations(env.DB)
    const batch = vi.spyOn(env.DB, 'batch')
    await applyMigrations(env.DB)
    expect(batch).not.toHaveBeenCalled()
  })
})

describe('new code on an old database', () => {
  const next = [
    ...MIGRATIONS,
    { name: '9999_next.sql', sql: 'ALTER TABLE snapshots ADD COLUMN next TEXT;\nCREATE TABLE nexts (id TEXT);\n' },
  ]

  it.each([
    'SELECT next FROM snapshots',
    'UPDATE snapshots SET next = 1',
    `INSERT INTO snapshots (task_id, status, record, next) VALUES ('task', 'pending', '{}', 1)`,
    'SELECT id FROM nexts',
    'INSERT INTO nexts (id) VALUES (1)',
  ])('brings the schema up to date where it lacks something: %s', async (sql) => {
    await applyMigrations(env.DB)
    await onDatabase(env.DB, (db) => db.prepare(sql).all(), next)
    expect(await recorded()).toEqual(next.map(({ name }) => name))
  })

  it('counts what was kept before in its buckets: entries, and the bytes of large bodies', async () => {
    await applyMigrations(env.DB, MIGRATIONS.slice(0, 6))
    const keep = `INSERT INTO quarantine (id, reason, detail, signature, received_at, body) VALUES (?1, ?2, '', '', 0, ?3)`
    const bodies = [
      ['1', 'stale', 'a'.repeat(40_000)],
      ['2', 'stale', '图'.repeat(20_000)],
      ['3', 'stale', 'a'],
      ['4', 'conflict', 'a'],
    ]
    await env.DB.batch(bodies.map((body) => env.DB.prepare(keep).bind(...body)))
    await applyMigrations(env.DB)
    const { results } = await env.DB.prepare('SELECT reason, count FROM quarantine_counts ORDER BY reason').all()
    expect(results).toEqual([
      { reason: 'conflict', count: 1 },
      { reason: 'stale', count: 3 },
      { reason: 'stale:large', count: 100_000 },
    ])
  })

  it('does so once for ten requests at once', async () => {
    await applyMigrations(env.DB)
    const work = (db: D1Database) => db.prepare('INSERT INTO nexts (id) VALUES (1)').run()
    await Promise.all(Array.from({ length: 10 }, () => onDatabase(env.DB, work, next)))
    expect(await env.DB.prepare('SELECT count(*) AS made FROM nexts').first('made')).toBe(10)
  })

  it('makes what it can of a migration that fails, tells why, and goes on with the next', async () => {
    const error = vi.spyOn(console, 'error')
    await applyMigrations(env.DB, [
      { name: '1_broken.sql', sql: 'CREATE INDEX never ON missing (id);\nCREATE TABLE half (id TEXT);\n' },
      { name: '2_next.sql', sql: 'CREATE TABLE after_it (id TEXT);\n' },
    ])
    expect(await recorded()).toEqual(['2_next.sql'])
    await env.DB.batch([env.DB.prepare('SELECT id FROM half'), env.DB.prepare('SELECT id FROM after_it')])
    expect(error.mock.calls.flat().join()).toContain('missing')
  })

  it('records what a database that was imported has already', async () => {
    await applyMigrations(env.DB)
    await env.DB.prepare('DROP TABLE d1_migrations').run()
    await applyMigrations(env.DB)
    expect(await recorded()).toEqual(MIGRATIONS.map(({ name }) => name))
  })

  it('cannot hold up what goes on each minute, when one of its indexes is never made', async () => {
    await deliver(signedCallback({ task_id: 'in D1' }))
    await env.DB.batch(
      ['DROP INDEX snapshots_refused', 'CREATE TABLE snapshots_refused (id)', 'DELETE FROM d1_migrations'].map((sql) =>
        env.DB.prepare(sql),
      ),
    )
    const waits = { body: JSON.stringify(signedCallback({ task_id: 'in ASIDE' })), received_at: Date.now() }
    await env.ASIDE.put('waiting:1', JSON.stringify(waits))
    await env.DB.prepare('UPDATE snapshots SET event_due = 1, unpublished_since = 1').run()
    await cron(60)
    expect(await rows('SELECT task_id, publish_at FROM snapshots ORDER BY place')).toEqual([
      { task_id: 'in D1', publish_at: null },
      { task_id: 'in ASIDE', publish_at: null },
    ])
    expect(await recorded()).not.toContain('0005_removals.sql')
  })

  it('adds by cron what no query misses, such as an index', async () => {
    await applyMigrations(env.DB)
    await env.DB.batch([
      env.DB.prepare('DROP INDEX snapshots_unpublished'),
      env.DB.prepare('DELETE FROM d1_migrations WHERE name = ?1').bind(MIGRATIONS[0]!.name),
    ])
    await cron()
    expect((await recorded()).toSorted()).toEqual(MIGRATIONS.map(({ name }) => name))
    expect(await rows(`SELECT name FROM sqlite_schema WHERE name = 'snapshots_unpublished'`)).toHaveLength(1)
  })
})

describe('a database of an earlier version', () => {
  /** What every version has stored: a result, its signature, an entry, what is waiting; and a task that is not finished. */
  async function filled(version: number) {
    const genuine = signedCallback({ task_id: 'stored' })
    await deliver(genuine)
    const [snapshot] = await rows<{ content: string; record: string }>('SELECT content, record FROM snapshots')
    await reset()
    await applyMigrations(env.DB, MIGRATIONS.slice(0, version))
    const { content, record } = snapshot!
    const at = Date.now() - 3_600_000
    const pending = JSON.stringify({ task_id: 'pending', status: 'pending', appid: '12345', vendor: 'hw' })
    const insert = (table: string, row: Record<string, unknown>) =>
      env.DB.prepare(
        `INSERT INTO ${table} (${Object.keys(row).join()}) VALUES (${Array(Object.keys(row).length).fill('?').join()})`,
      ).bind(...Object.values(row))
    const completed = { status: 'completed', content, delivery: 'd', via: 'callback', record }
    const entry = { reason: 'conflict', detail: 'd', signature: 's', task_id: 'stored', received_at: at, body: '{}' }
    await env.DB.batch([
      insert('snapshots', { place: at * 1000, task_id: 'stored', ...completed }),
      insert('snapshots', { place: at * 1000 + 1, task_id: 'pending', status: 'pending', record: pending }),
      insert('ledger', { signature: genuine.signature, content, seen_at: at, latest_claim: 9e12 }),
      insert('quarantine', { id: 'conflict:c', ...entry }),
      insert('state', { name: 'aside', value: '{}', changed_at: at }),
      ...(version < 2 ? [] : [insert('turns', { appid: '12345', next_at: 1 })]),
      ...(version < 5 ? [] : [insert('removals', { task_id: 'deleted', content, removed_at: at })]),
    ])
    return genuine
  }

  it.each(MIGRATIONS.map(({ name }, n) => [name, n + 1] as const))(
    'made up to %s loses nothing, and goes on',
    async (_name, version) => {
      const genuine = await filled(version)
      expect(await (await deliver(genuine)).json()).toMatchObject({ status: 'duplicate' })
      expect((await deliver({ ...genuine, task_id: 'forged' })).status).toBe(409)
      expect(await (await deliver(signedCallback({ task_id: 'new' }))).json()).toMatchObject({ status: 'stored' })
      await cron()
      const listed = await (await get('/v1/snapshots')).json<{ items: { task_id: string }[] }>()
      expect(listed.items.map(({ task_id }) => task_id)).toEqual(['new', 'pending', 'stored'])
      const { items } = await (await get('/v1/quarantine')).json<{ items: { reason: string }[] }>()
      expect(items.map(({ reason }) => reason).toSorted()).toEqual(['conflict', 'signature_reused'])
      const { quarantined } = await (await get('/v1/status')).json<{ quarantined: Record<string, object> }>()
      expect(quarantined['conflict']).toMatchObject({ count: 1 })
      expect(await recorded()).toEqual(MIGRATIONS.map(({ name }) => name))
    },
  )
})

describe('an error of D1 in unknown words', () => {
  it('is an outage if D1 does not answer a simple question either, and known words are one by themselves', async () => {
    await applyMigrations(env.DB)
    const strange = new Error('something new')
    expect(await isOutage(strange, env.DB)).toBe(false)
    const known = [
      new DeadlineExceeded('late'),
      ...['D1 DB is overloaded', 'Network connection lost.'].map((why) => new Error(why)),
    ]
    for (const error of known) expect([error.message, await isOutage(error, env.DB)]).toEqual([error.message, true])
    vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw strange
    })
    expect(await isOutage(strange, env.DB)).toBe(true)
  })
})
