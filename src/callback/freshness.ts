/** A callback's `timestamp`: Unix time, in seconds (documented) or in milliseconds (sibling products). */
import type { Refusal } from './refusal.ts'

/**
 * The time in milliseconds. Only 10 digits (seconds) and 13 digits (milliseconds) are a timestamp: a signature has no
 * separator, so a laxer rule would let one signature speak for many times.
 */
export function timeOf(timestamp: string): number | undefined {
  if (!/^\d{10}(?:\d{3})?$/.test(timestamp)) return undefined
  return timestamp.length === 10 ? Number(timestamp) * 1000 : Number(timestamp)
}

/**
 * Why the timestamp is not good now; `undefined` if it is.
 * @param toleranceSeconds how far it may be from now, either way; 0 leaves the age unchecked, not the form
 */
export function checkFreshness(
  timestamp: string,
  now: number,
  toleranceSeconds: number,
): Extract<Refusal, { code: 'invalid_timestamp' | 'stale' }> | undefined {
  const time = timeOf(timestamp)
  if (time === undefined) return { code: 'invalid_timestamp' }
  const age = now - time
  if (toleranceSeconds === 0 || Math.abs(age) <= toleranceSeconds * 1000) return undefined
  return { code: 'stale', ageSeconds: Math.round(age / 1000) }
}

/**
 * The latest time, in milliseconds, that any split of the signed characters into timestamp and nonce can claim:
 * until that is stale, the signature can come again with another timestamp, and the ledger has to know it.
 */
export function latestClaim(timestamp: string, nonce: string): number {
  let latest = 0
  for (const joined of [timestamp + nonce, nonce + timestamp]) {
    for (const digits of [10, 13]) {
      latest = Math.max(latest, timeOf(joined.slice(0, digits)) ?? 0, timeOf(joined.slice(-digits)) ?? 0)
    }
  }
  return latest
}
