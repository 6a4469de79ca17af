/** What the API shows of the quarantine. */
import { expect } from 'vitest'
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
