/** The table at the end: one row for each fault. */
import type { Played } from './row.ts'
import { arrivals } from './verdict.ts'

const HEAD = ['fault', 'sent', 'acknowledged', 'in D1', 'in KV', 'events', 'lost', 'worst answer']

export function table(rows: Played[]) {
  return aligned([HEAD, ...rows.map(cells)])
}

function cells(played: Played) {
  const { inD1, inKv, missing } = arrivals(played)
  const { fault, sent, acknowledged, state, worstMs } = played
  const counts = [sent.size, acknowledged.size, inD1, inKv, state.events.length, missing.length]
  return [fault.name, ...counts.map(String), `${(worstMs / 1000).toFixed(2)} s`]
}

function aligned(rows: string[][]) {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const padded = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return rows.map((row) => `  ${row.map(padded).join('  ')}`).join('\n')
}
