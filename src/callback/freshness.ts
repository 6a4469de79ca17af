/** A callback's `timestamp`: Unix time, in seconds (documented) or in milliseconds (sibling products). */
import type { Rejection } from './rejection.ts'

/**
 * The time in milliseconds. Only 10 digits (seconds) and 13 digits (milliseconds) are a timestamp: a signature has no
 * separator, so a laxer rule would let one signature speak for many times.
 */
export function timeOf(timestamp: string): number | undefined {
  if (/^\d{10}$/.test(timestamp)) return Number(timestamp) * 1000
  return /^\d{13}$/.test(timestamp) ? Number(timestamp) : undefined
}

/**
 * Why the timestamp is not good now; `undefined` if it is.
 * @param toleranceSeconds how far it may be from now, either way; 0 leaves the age unchecked, not the form
 */
export function checkFreshness(
  timestamp: string,
  now: number,
  toleranceSeconds: number,
): Extract<Rejection, { code: 'invalid_timestamp' | 'stale' }> | undefined {
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
  const joined = [timestamp + nonce, nonce + timestamp]
  const candidates = joined.flatMap((text) =>
    [10, 13].flatMap((digits) => [text.slice(0, digits), text.slice(-digits)]),
  )
  return Math.max(0, ...candidates.map((candidate) => timeOf(candidate) ?? 0))
}
