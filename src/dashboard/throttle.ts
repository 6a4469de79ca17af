/** Ten failures a minute for each address. Counted in this isolate alone: it slows guessing down, no more. */

const MOST_FAILURES = 10
const WINDOW_MS = 60_000
const MOST_ADDRESSES = 10_000

/** When an address failed, in milliseconds; the address that failed last comes last. */
const failures = new Map<string, number[]>()

/**
 * Counts an attempt as a failure before it is known to be one, so that many at once are no way around the limit.
 * Tells whether it may be made.
 */
export function mayTry(address: string, now: number): boolean {
  const own = networkOf(address)
  const recent = (failures.get(own) ?? []).filter((at) => Math.abs(now - at) < WINDOW_MS)
  if (recent.length >= MOST_FAILURES) return false
  failures.delete(own)
  failures.set(own, [...recent, now])
  if (failures.size > MOST_ADDRESSES) failures.delete(failures.keys().next().value!)
  return true
}

/** The attempt was none that failed. */
export function takeBack(address: string): void {
  failures.get(networkOf(address))?.pop()
}

/** One household has 2^64 addresses of IPv6. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter(Boolean))
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0')
  return [...head, ...zeros, ...tail].slice(0, 4).join(':')
}
