/** The table at the end: one row for each fault. */
import { markdownTable } from 'markdown-table'
import type { Played } from './row.ts'
import { arrivals } from './verdict.ts'

const HEAD = ['fault', 'sent', 'acknowledged', 'in D1', 'in KV', 'events', 'lost', 'worst answer']

export function table(rows: Played[]) {
  return markdownTable([HEAD, ...rows.map(cells)], { align: HEAD.map((_, column) => (column === 0 ? 'l' : 'r')) })
}

function cells(played: Played) {
  const { inD1, inKv, missing } = arrivals(played)
  const { fault, sent, acknowledged, state, worstMs } = played
  const counts = [sent.size, acknowledged.size, inD1, inKv, state.events.length, missing.length]
  return [fault.name, ...counts.map(String), `${(worstMs / 1000).toFixed(2)} s`]
}
