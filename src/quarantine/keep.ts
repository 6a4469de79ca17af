/**
 * Keeps a callback that was refused, after its answer: no mistake of ours or of an operator's costs one. At best effort, and
 * bounded, since anyone can send callbacks that are refused.
 */
import { sha256 } from '../callback/bytes.ts'
import { describeRefusal } from '../callback/refusal.ts'
import { readCallback } from '../callback/snapshot.ts'
import type { Incoming, RefusedCallback } from '../receive.ts'
import { onDatabase } from '../store/database.ts'
import { keep, type NewEntry, newEntry } from '../store/keep.ts'
import { isUnverified, type Reason, UNVERIFIED_REASONS } from '../store/quarantine.ts'

/** What is kept here. A reused signature is kept by `settle`, before the answer. */
const KEPT: ReadonlySet<string> = new Set([...UNVERIFIED_REASONS, 'unknown_app', 'invalid_timestamp', 'stale'])

function isKept(code: string): code is Reason {
  return KEPT.has(code)
}

/**
 * What came to a wrong path is kept only if it decodes to a callback. Throws when D1 does not take it.
 * @param version of the Worker that refused it
 */
export async function keepRefused(
  { refusal, decoded }: RefusedCallback,
  { raw, path, receivedAt }: Incoming,
  version: number,
  db: D1Database,
): Promise<void> {
  const { code: reason } = refusal
  if (raw === undefined || !isKept(reason) || (reason === 'wrong_path' && decoded === undefined)) return
  const { detail } = describeRefusal(refusal)
  const keepNow = async () => {
    const known = decoded
      ? newEntry(await readCallback(decoded, receivedAt), reason, detail)
      : newEntry({ raw, receivedAt, signature: '', content: await sha256(raw.bytes) }, reason, detail)
    const age_seconds = refusal.code === 'stale' ? refusal.ageSeconds : null
    const entry: NewEntry = { ...known, path, age_seconds }
    if (isUnverified(reason)) {
      entry.copy = (await sha256(entry.signature)).slice(0, 16)
      entry.refusedBy = version
    }
    return onDatabase(db, () => keep(db, entry, receivedAt))
  }
  if (isUnverified(reason)) await withinBudget(reason, receivedAt, keepNow)
  else await keepNow()
}

/** How many new entries of a reason one isolate takes in a minute: a flood costs next to nothing. */
const MOST_A_MINUTE = 60

/**
 * A cache: when the minute of a reason began in this isolate, and how many entries it has taken since. Each isolate has a
 * budget of its own, and begins a new one when it starts.
 */
const budgets = new Map<Reason, { since: number; taken: number }>()

/** Only what is new uses the budget up: whoever repeats one body keeps none of the others out. */
async function withinBudget(reason: Reason, now: number, keepNow: () => ReturnType<typeof keep>): Promise<void> {
  let budget = budgets.get(reason)
  if (budget === undefined || Math.abs(now - budget.since) >= 60_000) {
    budget = { since: now, taken: 0 }
    budgets.set(reason, budget)
  }
  if (budget.taken >= MOST_A_MINUTE) return
  budget.taken += 1
  let outcome: Awaited<ReturnType<typeof keep>> | undefined
  try {
    outcome = await keepNow()
  } finally {
    if (outcome !== 'new') budget.taken -= 1
  }
}
