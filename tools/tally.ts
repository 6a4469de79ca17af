/** What came of a simulation: counted while it runs, shown as a table at its end. */
import { percentile } from './lib/stats.ts'
import { membersIn, wordIn } from './lib/members.ts'
import type { Answer } from './zegocloud/callback.ts'

export const newTally = () => ({
  delivered: 0,
  duplicates: 0,
  lost: 0,
  forged: 0,
  refused: 0,
  /** A line for each forgery that was answered 2XX. */
  taken: [] as string[],
  answers: [] as Answer[],
})

/** The status, and the receiver's own word for it. */
export function nameOf({ status, text }: Answer): string {
  if (status === null) return `no answer (${text})`
  const word = wordIn(membersIn(text))?.slice(0, 60)
  return word === undefined ? String(status) : `${status} ${word}`
}

export function tableOf({ delivered, duplicates, lost, forged, refused, answers }: ReturnType<typeof newTally>) {
  const names = Object.entries(Object.groupBy(answers, nameOf)).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const rows = [
    ['delivered', delivered],
    ['duplicates', duplicates],
    ['refused', forged ? `${refused} of ${forged} forgeries` : '0 (no forgeries sent)'],
    ['lost', lost],
    ['attempts', answers.length],
    ['latency', latency(answers)],
    ['', ''],
    ...names.map(([name, group]) => [name, group?.length]),
  ]
  const width = Math.max(...rows.map(([name]) => String(name).length)) + 2
  return rows.map(([name, value]) => `  ${String(name).padEnd(width)}${value}`.trimEnd()).join('\n')
}

function latency(answers: readonly Answer[]): string {
  const times = answers.filter(({ status }) => status !== null).map(({ ms }) => ms)
  if (times.length === 0) return 'no answer'
  const shown = (ms: number) => `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
  const parts = [50, 95, 99].map((percent) => `p${percent} ${shown(percentile(times, percent / 100))}`)
  return [...parts, `max ${shown(Math.max(...times))}`].join('  ')
}
