import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { SnapshotRecord } from '../../src/event.ts'
import { signedCallback } from '../callbacks.ts'
import { deliver, storedAt } from '../worker.ts'
import { get } from './api.ts'

type Page = { items: SnapshotRecord[]; next_cursor: string | null }

async function list(query = ''): Promise<Page> {
  const answer = await get(`/v1/snapshots${query}`)
  expect(answer.status).toBe(200)
  return answer.json<Page>()
}

const ids = ({ items }: Page) => items.map(({ task_id }) => task_id)
const START = Date.UTC(2026, 5, 1)

/** Tasks `t1` to `tN`, stored a second apart. */
async function deliverTasks(count: number, from = 1) {
  for (let n = from; n < from + count; n += 1) {
    vi.useFakeTimers({ now: START + n * 1000, toFake: ['Date'] })
    await deliver(signedCallback({ task_id: `t${n}` }))
    await storedAt(START + n * 1000, `t${n}`)
  }
}

async function unfinished(task_id: string, status: string, n: number) {
  const at = new Date(START + n * 1000).toISOString()
  const record = JSON.stringify({ task_id, status, appid: '1', vendor: 'hw', registered_at: at })
  await env.DB.prepare('INSERT INTO snapshots (place, task_id, status, record) VALUES (?, ?, ?, ?)')
    .bind((START + n * 1000) * 1000, task_id, status, record)
    .run()
}

describe('GET /v1/snapshots', () => {
  it('lists the newest first, as whole records', async () => {
    await deliverTasks(3)
    const page = await list()
    expect(ids(page)).toEqual(['t3', 't2', 't1'])
    expect(page.next_cursor).toBeNull()
    expect(page.items[0]).toEqual(await (await get('/v1/snapshots/t3')).json())
  })

  it('turns pages that neither repeat nor miss a task while new ones arrive', async () => {
    await deliverTasks(7)
    const first = await list('?limit=3')
    await deliverTasks(2, 8)
    const second = await list(`?limit=3&cursor=${first.next_cursor}`)
    const third = await list(`?limit=3&cursor=${second.next_cursor}`)
    expect([first, second, third].map(ids)).toEqual([['t7', 't6', 't5'], ['t4', 't3', 't2'], ['t1']])
    expect(third.next_cursor).toBeNull()
  })

  it('filters by time: since inclusive, until exclusive', async () => {
    await deliverTasks(4)
    const at = (n: number) => new Date(START + n * 1000).toISOString()
    expect(ids(await list(`?since=${at(2)}&until=${at(4)}`))).toEqual(['t3', 't2'])
    for (const plus of ['%2B', '+']) expect(ids(await list(`?since=2026-06-01T08:00:04${plus}08:00`))).toEqual(['t4'])
    expect(ids(await list(`?until=2026-06-01`))).toEqual([])
    expect(ids(await list(`?since=2026-06-01T00:00Z&until=2026-06-01T08:01%2B08:00`))).toEqual(['t4', 't3', 't2', 't1'])
    expect(ids(await list(`?since=0001-01-01&until=9999-12-31T23:59:59Z`))).toHaveLength(4)
  })

  it('filters by status', async () => {
    await deliverTasks(2)
    await unfinished('p1', 'pending', 3)
    await unfinished('f1', 'failed', 4)
    await unfinished('p2', 'pending', 5)
    expect(ids(await list())).toEqual(['p2', 'f1', 'p1', 't2', 't1'])
    expect(ids(await list('?status=pending'))).toEqual(['p2', 'p1'])
    expect(ids(await list('?status=failed'))).toEqual(['f1'])
    expect(ids(await list('?status=completed'))).toEqual(['t2', 't1'])
    const first = await list('?status=pending&limit=1')
    expect(ids(await list(`?status=pending&limit=1&cursor=${first.next_cursor}`))).toEqual(['p1'])
  })

  it('finds what is completed behind any number of tasks that are not', async () => {
    await deliverTasks(2)
    for (let n = 10; n < 260; n += 1) await unfinished(`p${n}`, 'pending', n)
    expect((await list()).items).toHaveLength(20)
    const found: string[] = []
    let cursor = ''
    for (let pages = 0; pages < 5; pages += 1) {
      const page = await list(`?status=completed${cursor}`)
      found.push(...ids(page))
      if (page.next_cursor === null) break
      cursor = `&cursor=${page.next_cursor}`
    }
    expect(found).toEqual(['t2', 't1'])
  })

  it('ends a page early where its records are large', async () => {
    const large = (n: number) => ({ ...signedCallback({ task_id: `large${n}` }), padding: 'x'.repeat(1_700_000) })
    for (const n of [1, 2, 3, 4]) {
      vi.useFakeTimers({ now: START + n * 1000, toFake: ['Date'] })
      await deliver(large(n))
    }
    const first = await list()
    expect(ids(first)).toEqual(['large4', 'large3', 'large2'])
    expect(ids(await list(`?cursor=${first.next_cursor}`))).toEqual(['large1'])
  })
})
