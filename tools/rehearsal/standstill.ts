/** Whether this machine itself stood still: whatever waited then took that much longer, through no fault of its own. */
const TICK_MS = 50

/** Call what it returns for the longest standstill since, in milliseconds. */
export function watchStandstill(): () => number {
  let longest = 0
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last - TICK_MS)
    last = now
  }
  setInterval(look, TICK_MS).unref()
  return () => (look(), longest)
}
