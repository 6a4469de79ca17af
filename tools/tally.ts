/** What came of a simulation: counted while it runs, shown as a table at its end. */
import { isSuccess, type Answer } from './zegocloud.ts'

export class Tally {
  delivered = 0
  duplicates = 0
  lost = 0
  forged = 0
  refused = 0
  attempts = 0
  /** A line for each forgery that was answered 2XX. */
  taken: string[] = []
  /** The answers by name, such as `200 stored`. */
  readonly answers = new Map<string, number>()
  readonly #latencies: number[] = []

  count(answer: Answer) {
    this.attempts += 1
    const name = nameOf(answer)
    this.answers.set(name, (this.answers.get(name) ?? 0) + 1)
    if (answer.status !== null) this.#latencies.push(answer.ms)
  }

  table() {
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    const latency = sorted.length ? [50, 95, 99].map((p) => `p${p} ${inMs(percentile(sorted, p))}`) : ['no answer']
    if (sorted.length) latency.push(`max ${inMs(percentile(sorted, 100))}`)
    const counts: Row[] = [
      ['delivered', `${this.delivered}`],
      ['duplicates', `${this.duplicates}`],
      ['refused', this.forged ? `${this.refused} of ${this.forged} forgeries` : '0 (no forgeries sent)'],
      ['lost', `${this.lost}`],
      ['attempts', `${this.attempts}`],
      ['latency', latency.join('  ')],
    ]
    const answers = [...this.answers].map(([name, times]): Row => [name, `${times}`])
    return lined([...counts, ['', ''], ...answers.toSorted(([a], [b]) => (a < b ? -1 : 1))])
  }
}

type Row = [name: string, value: string]

function lined(rows: Row[]) {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows.map(([name, value]) => `  ${name.padEnd(width)}${value}`.trimEnd()).join('\n')
}

/** The status, and the receiver's own word for it: the `status` of a success, the `code` of a problem. */
export function nameOf(answer: Answer) {
  if (answer.status === null) return `no answer (${answer.text})`
  const said = wordOf(answer, isSuccess(answer) ? 'status' : 'code')
  return said === undefined ? String(answer.status) : `${answer.status} ${said}`
}

/** A text field of a JSON answer. */
export function wordOf({ text }: Answer, field: string) {
  try {
    const said: unknown = JSON.parse(text)
    if (typeof said !== 'object' || said === null) return undefined
    const word: unknown = Reflect.get(said, field)
    return typeof word === 'string' ? word.slice(0, 60) : undefined
  } catch {
    return undefined
  }
}

/** Nearest rank, of numbers in ascending order. */
export const percentile = (sorted: number[], percent: number) =>
  sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0

const inMs = (ms: number) => `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
