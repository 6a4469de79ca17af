/**
 * One structured line for each outcome. `event` names it; secrets, tokens and signatures have no business in `facts`.
 */
export function log(level: 'info' | 'warn' | 'error', event: string, facts: Record<string, unknown> = {}): void {
  console[level](JSON.stringify({ event, ...facts }))
}

/** By which a request's lines are found: Cloudflare's own name for it, where it has one. */
export function requestId({ headers }: Request): string {
  return headers.get('cf-ray') ?? crypto.randomUUID()
}

/** What went wrong, in words for the log. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
