/** What a check found: a verdict, the evidence for it, and how to fix it. */

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

/** Shows the Worker's log. */
export const TAIL = 'npx wrangler tail'
/** Sets a secret of the Worker. */
export const put = (setting: string) => `npx wrangler secret put ${setting}`

const SIGNS = { well: 'ok', note: 'note', wrong: 'WRONG', skipped: '-' }

/** The lines for one check. */
export function format(title: string, { verdict, evidence, remedy, command }: Result): string {
  const lines = [`${title.padEnd(17)}${evidence}`, ...(remedy ? [`→ ${remedy}`] : []), ...(command ? [command] : [])]
  return `  ${SIGNS[verdict].padEnd(7)}${lines.join(`\n${' '.repeat(26)}`)}`
}
