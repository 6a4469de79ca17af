/**
 * One structured line for each outcome. `event` names it; secrets, tokens and signatures have no business in `facts`.
 */
export function log(level: 'info' | 'warn' | 'error', event: string, facts: Record<string, unknown> = {}): void {
  console[level](JSON.stringify({ event, ...facts }))
}

/** What went wrong, in words for the log. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
