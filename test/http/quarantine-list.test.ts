import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { read, rows } from '../worker.ts'
import { del, get, said } from './api.ts'

type Page = { items: { id: string }[]; next_cursor: string | null }

const START = Date.UTC(2026, 5, 1)
const at = (second: number) => new Date(START + second * 1000).toISOString()

/** Entries of a reason, a second apart; every other one is of the task `even`. */
async function keep(reason: string, count: number) {
  await read('anything') // makes the schema
  const insert = `
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - 1)
    INSERT INTO quarantine (id, reason, detail, signature, task_id, received_at, body)
    SELECT ?1 || ':' || i, ?1, '', '', iif(i % 2 = 0, 'even', 'odd'), ?3 + i * 1000, '{}' FROM n`
  await env.DB.prepare(insert).bind(reason, count, START).run()
}

const list = async (query: string) => (await get(`/v1/quarantine${query}`)).json<Page>()
const ids = ({ items }: Page) => items.map(({ id }) => id)

describe('GET /v1/quarantine', () => {
  it('filters by task_id, and by reason with it', async () => {
    await keep('stale', 3)
    await keep('conflict', 1)
    expect(ids(await list('?task_id=even')).toSorted()).toEqual(['conflict:0', 'stale:0', 'stale:2'])
    expect(ids(await list('?task_id=even&reason=stale'))).toEqual(['stale:2', 'stale:0'])
    expect(ids(await list('?task_id=none'))).toEqual([])
  })

  it('keeps to its filters on the next page', async () => {
    await keep('stale', 5)
    const first = await list('?task_id=even&limit=2')
    expect(ids(first)).toEqual(['stale:4', 'stale:2'])
    expect(ids(await list(`?task_id=even&limit=2&cursor=${first.next_cursor}`))).toEqual(['stale:0'])
  })
})

describe('DELETE /v1/quarantine', () => {
  const left = () => rows('SELECT reason, count FROM quarantine_counts WHERE count > 0')

  it('deletes all of a reason, a thousand a call, and says whether there are more', async () => {
    await keep('stale', 1_003)
    await keep('conflict', 1)
    expect(await said(del('/v1/quarantine?reason=stale'))).toEqual([200, { deleted: 1_000, more: true }])
    expect(await said(del('/v1/quarantine?reason=stale'))).toEqual([200, { deleted: 3, more: false }])
    expect(await said(del('/v1/quarantine?reason=stale'))).toEqual([200, { deleted: 0, more: false }])
    expect(await left()).toEqual([{ reason: 'conflict', count: 1 }])
  })

  it('spares what was received since `before`', async () => {
    await keep('stale', 3)
    const answer = await said(del(`/v1/quarantine?reason=stale&before=${at(2)}`))
    expect(answer).toEqual([200, { deleted: 2, more: false }])
    expect(ids(await list(''))).toEqual(['stale:2'])
  })
})
