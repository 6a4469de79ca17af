/** Findings as lines, for a terminal and for a log. */
import { styleText } from 'node:util'
import type { Finding, Verdict } from './finding.ts'

const SIGNS: Record<Verdict, string> = { well: 'ok', note: 'note', wrong: 'WRONG', skipped: '-' }
const COLOURS = { well: 'green', note: 'yellow', wrong: 'red', skipped: 'gray' } as const

const SIGN_WIDTH = 7
const TITLE_WIDTH = 19
const INDENT = 2 + SIGN_WIDTH + TITLE_WIDTH
const NARROWEST = 40
const WIDEST = 120

export type Paper = { columns: number; coloured: boolean }

/** A log is as wide as a file; a terminal as wide as it is. */
export const paperOf = ({ isTTY, columns }: { isTTY?: boolean; columns?: number }): Paper => ({
  columns: Math.min(columns ?? WIDEST, WIDEST),
  coloured: isTTY === true && !process.env['NO_COLOR'],
})

export function lines(title: string, { verdict, evidence, remedy, command }: Finding, paper: Paper): string {
  const sign = SIGNS[verdict].padEnd(SIGN_WIDTH)
  const head = `  ${paper.coloured ? styleText(COLOURS[verdict], sign, { validateStream: false }) : sign}${title.padEnd(TITLE_WIDTH)}`
  const width = Math.max(paper.columns - INDENT, NARROWEST)
  const text = [...wrap(evidence, width), ...(remedy === undefined ? [] : wrap(remedy, width, '→ ', '  '))]
  const all = command === undefined ? text : [...text, `  ${command}`]
  return all.map((line, index) => (index === 0 ? head : ' '.repeat(INDENT)) + line).join('\n')
}

/** A command stands on a line of its own: it is not broken. */
function wrap(text: string, width: number, first = '', rest = ''): string[] {
  const done: string[] = []
  let line = first
  for (const word of text.split(' ')) {
    const isEmpty = line === first || line === rest
    if (!isEmpty && line.length + 1 + word.length > width) {
      done.push(line)
      line = rest + word
    } else line += isEmpty ? word : ` ${word}`
  }
  return [...done, line]
}
