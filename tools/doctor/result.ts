/** What a check found: a verdict, the evidence for it, and how to fix it. */
import { styleText } from 'node:util'
import { Help } from 'commander'

/** `note`: worth knowing, although callbacks arrive. `skipped`: it was not checked. */
type Verdict = 'well' | 'note' | 'wrong' | 'skipped'

/** What to do, and a command to be typed as it stands. */
export type Fix = readonly [remedy?: string, command?: string]

export type Result = { verdict: Verdict; evidence: string; remedy?: string | undefined; command?: string | undefined }

const result =
  (verdict: Verdict) =>
  (evidence: string, ...[remedy, command]: Fix): Result => ({ verdict, evidence, remedy, command })

export const well = result('well')
export const note = result('note')
export const wrong = result('wrong')
export const skipped = result('skipped')

export const DEPLOY = 'npm run deploy'
/** Shows the Worker's log. */
export const TAIL = 'npx wrangler tail'
/** Sets a secret of the Worker. */
export const put = (setting: string) => `npx wrangler secret put ${setting}`

export const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

const SIGNS = { well: 'ok', note: 'note', wrong: 'WRONG', skipped: '-' }
const COLOURS = { well: 'green', note: 'yellow', wrong: 'red', skipped: 'gray' } as const
const SIGN_WIDTH = 7
const INDENT = 28
const NARROWEST = 40
const WIDEST = 120

/** The lines for one check. A command is never broken, so that it can be copied. */
export function format(title: string, found: Result, { isTTY = false, columns = WIDEST }): string {
  const { verdict, evidence, remedy, command } = found
  const width = Math.max(Math.min(columns, WIDEST) - INDENT, NARROWEST)
  const wrap = (text: string) => new Help().boxWrap(text, width).split('\n')
  const lines = [...wrap(evidence), ...(remedy ? wrap(`→ ${remedy}`) : []), ...(command ? [`  ${command}`] : [])]
  const sign = SIGNS[verdict].padEnd(SIGN_WIDTH)
  const isColoured = isTTY && !process.env['NO_COLOR']
  const head = isColoured ? styleText(COLOURS[verdict], sign, { validateStream: false }) : sign
  return `  ${head}${title.padEnd(INDENT - SIGN_WIDTH - 2)}${lines.join(`\n${' '.repeat(INDENT)}`)}`
}
