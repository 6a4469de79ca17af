/** Refusals as RFC 9457 problems: a code for programs, and words that say what to do. */

export type Problem = {
  code: string
  status: number
  title: string
  detail: string
  headers?: Record<string, string>
  /** Further members, such as the `parameter` that is wrong. */
  more?: Record<string, unknown>
}

export function problem({ code, status, title, detail, headers, more }: Problem): Response {
  return Response.json(
    { type: `urn:zego-snapshots:problem:${code}`, title, status, detail, code, ...more },
    { status, headers: { ...headers, 'content-type': 'application/problem+json' } },
  )
}

export function notFound(detail: string): Response {
  return problem({ code: 'not_found', status: 404, title: 'Not found', detail })
}
