import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { listEntries, removeOfReason } from '../../src/store/quarantine.ts'
import { applyMigrations } from '../../src/store/schema.ts'

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
})
