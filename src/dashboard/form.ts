/** A form as a browser posts it. */
import { readBody } from '../http/request.ts'

const FORM_LIMIT_BYTES = 65_536

/** Its fields; none of a body that is too large. */
export async function readForm(request: Request): Promise<URLSearchParams> {
  const body = await readBody(request, FORM_LIMIT_BYTES)
  return new URLSearchParams(new TextDecoder().decode(body))
}

/** Whether a browser says that the form was one of our own pages. */
export function isFromHere(request: Request): boolean {
  return request.headers.get('origin') === new URL(request.url).origin
}

/** A path on this host, and nothing that a browser would take for another one. */
export function ownPath(given: string | null): string {
  return given !== null && /^\/(?![/\\])[!-[\]-~]*$/.test(given) ? given : '/'
}
