/** What a check has found: a verdict, the evidence for it, and what mends it. */

/** `note`: worth knowing, and no reason why callbacks would not arrive. `skipped`: it was not looked at. */
export type Verdict = 'well' | 'note' | 'wrong' | 'skipped'

export type Mending = {
  remedy?: string
  /** To be typed as it stands. */
  command?: string
  /** What comes after it could only fail for the same reason. */
  ends?: true
}

export type Finding = { verdict: Verdict; evidence: string } & Mending

export const isFinding = (value: object): value is Finding => 'verdict' in value

export const well = (evidence: string): Finding => ({ verdict: 'well', evidence })
export const note = (evidence: string, mending: Mending = {}): Finding => ({ verdict: 'note', evidence, ...mending })
export const wrong = (evidence: string, mending: Mending = {}): Finding => ({ verdict: 'wrong', evidence, ...mending })
export const skipped = (evidence: string): Finding => ({ verdict: 'skipped', evidence })

/** How a secret of the Worker is set. */
export const put = (setting: string) => `npx wrangler secret put ${setting}`

export const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
