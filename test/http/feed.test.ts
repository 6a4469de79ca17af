import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import type { SnapshotRecord } from '../../src/event.ts'
import { signedCallback } from '../callbacks.ts'
import { deliver, rows, storedAt } from '../worker.ts'
import { get } from './api.ts'

type Page = { items: SnapshotRecord[]; next_cursor: string }

const START = Date.UTC(2026, 5, 1)

async function deliverAt(second: number, task_id: string) {
  vi.useFakeTimers({ now: START + second * 1000, toFake: ['Date'] })
  await deliver(signedCallback({ task_id }))
}

/** A reader that remembers where it is, as a program that polls does. */
function reader(query = '') {
  let cursor = ''
  return async (more = '') => {
    const page = await (await get(`/v1/snapshots?order=oldest${query}${more}${cursor}`)).json<Page>()
    cursor = `&cursor=${page.next_cursor}`
    return page.items.map(({ task_id }) => task_id)
  }
}

describe('GET /v1/snapshots?order=oldest', () => {
  it('goes on where it stopped when more has come', async () => {
    const next = reader()
    expect(await next()).toEqual([])
    for (const n of [1, 2, 3]) await deliverAt(n, `t${n}`)
    expect(await next('&limit=2')).toEqual(['t1', 't2'])
    expect(await next('&limit=2')).toEqual(['t3'])
    expect(await next()).toEqual([])
    await deliverAt(4, 't4')
    expect(await next()).toEqual(['t4'])
  })

  it('takes the filters of the list', async () => {
    for (const n of [1, 2, 3, 4]) {
      await deliverAt(n, `t${n}`)
      await storedAt(START + n * 1000, `t${n}`)
    }
    const at = (n: number) => new Date(START + n * 1000).toISOString()
    const next = reader(`&since=${at(2)}&until=${at(4)}&status=completed`)
    expect(await next('&limit=1')).toEqual(['t2'])
    expect(await next()).toEqual(['t3'])
    expect(await reader('&status=pending')()).toEqual([])
  })
})

it('goes on from a cursor of the version before, at the first late result that its reader has not seen', async () => {
  for (const n of [1, 2, 3, 4]) await deliverAt(n, `t${n}`)
  await env.DB.prepare(`UPDATE snapshots SET late = 7 WHERE task_id = 't2'`).run()
  const last = (await rows<{ place: number }>(`SELECT place FROM snapshots WHERE task_id = 't3'`))[0]!.place
  const from = async (cursor: string) =>
    (await (await get(`/v1/snapshots?order=oldest&cursor=${cursor}`)).json<Page>()).items
  const ids = async (cursor: string) => (await from(cursor)).map(({ task_id }) => task_id)
  expect(await ids(`f${last}-7`)).toEqual(['t4'])
  expect(await ids(`f${last}-6`)).toEqual(['t2', 't3', 't4'])
})
