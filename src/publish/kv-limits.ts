/** KV's own words for what passes, and what does not. */

const MS_A_DAY = 86_400_000

/** The free plan has 1,000 writes and 1,000 deletes a day. */
export function isDayUsedUp(why: string): boolean {
  return /limit exceeded for the day/i.test(why)
}

/** When the free plan's daily limits begin again, in UTC. */
export function nextMidnight(now: number): number {
  return (Math.floor(now / MS_A_DAY) + 1) * MS_A_DAY
}

/**
 * Whether KV will never take this key or this value. Any other refusal is an outage: for 37 minutes in October 2023 KV
 * answered 401 to everyone.
 */
export function isRefusedForGood(why: string): boolean {
  if (/KV PUT failed: (?:413|414)\b/.test(why)) return true
  return /KV PUT failed: 400\b/.test(why) && /\b(key|value|metadata|expiration)/i.test(why)
}
