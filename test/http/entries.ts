/** Entries of the quarantine: many at once, and what the API shows of them. */
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import { read } from '../worker.ts'
import { get } from './api.ts'

type Entry = { id: string; reason: string; detail: string; task_id?: string; received_at: string; body?: string }
type Page = { items: Entry[]; next_cursor: string | null }

export const list = async (query = '') => (await get(`/v1/quarantine${query}`)).json<Page>()
export const at = (id: string) => `/v1/quarantine/${encodeURIComponent(id)}`

/** The only one that is kept. */
export async function only(): Promise<Entry> {
  const { items } = await list()
  expect(items).toHaveLength(1)
  return items[0]!
}

/** `stale:0` and so on; every other one is of the task `even`. @param received when the i-th was received, in SQL */
export async function keep(reason: string, count: number, received: string): Promise<void> {
  await read('anything') // makes the schema
  const insert = `
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - 1)
    INSERT INTO quarantine (id, reason, detail, signature, task_id, received_at, body)
    SELECT ?1 || ':' || i, ?1, '', i, iif(i % 2 = 0, 'even', 'odd'), ${received}, '{}' FROM n`
  await env.DB.prepare(insert).bind(reason, count).run()
}
