/** Refusals as RFC 9457 problems: a code for programs, and words that say what to do. */
import { describeRefusal, REFUSALS } from '../callback/refusal.ts'
import type { SettingFault } from '../settings.ts'

/** A callback on the wrong path is answered as `not_found`. */
const { wrong_path: _, ...refusals } = REFUSALS

/** All that a client may meet: the refusals of a callback, and what the API answers beside them. */
export const PROBLEMS = {
  ...refusals,
  invalid_request: { status: 400, title: 'A parameter is wrong' },
  unauthorized: { status: 401, title: 'The API token is missing or wrong' },
  forbidden: { status: 403, title: 'READ_TOKEN only reads' },
  not_found: { status: 404, title: 'There is nothing here' },
  method_not_allowed: { status: 405, title: 'The path does not allow the method' },
  not_finished: { status: 409, title: 'The task has not finished' },
  unknown_vendor: { status: 409, title: 'ZEGOCLOUD cannot be asked about a task of this vendor' },
  too_frequent: { status: 429, title: 'ZEGOCLOUD is called too often for this app' },
  internal_error: { status: 500, title: 'The receiver failed' },
  zego_error: { status: 502, title: 'ZEGOCLOUD refused' },
  storage_unavailable: { status: 503, title: 'The store does not answer' },
  zego_unknown: { status: 504, title: 'ZEGOCLOUD was asked, and gave no readable answer' },
}
export type ProblemCode = keyof typeof PROBLEMS

export type Problem = {
  code: ProblemCode
  detail: string
  headers?: Record<string, string>
  /** Further members, such as the `parameter` that is wrong. */
  more?: Record<string, unknown>
}

/** Thrown by whatever finds the problem; the app's `onError` answers it. */
export class ProblemError extends Error {
  readonly problem: Problem

  constructor(given: Problem) {
    super(given.detail)
    this.problem = given
  }
}

export function problem({ code, detail, headers, more }: Problem): Response {
  const { status, title } = PROBLEMS[code]
  return Response.json(
    { type: `urn:zego-snapshots:problem:${code}`, title, status, detail, code, ...more },
    { status, headers: { ...headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' } },
  )
}

export function notFound(detail: string): ProblemError {
  return new ProblemError({ code: 'not_found', detail })
}

export function methodNotAllowed(method: string, allowed: readonly string[]): ProblemError {
  const allow = allowed.join(', ')
  const detail = `${method} is not allowed here: use ${allow}.`
  return new ProblemError({ code: 'method_not_allowed', detail, headers: { allow } })
}

export function notConfigured(fault: SettingFault): ProblemError {
  const code = 'not_configured'
  const { detail, more } = describeRefusal({ code, ...fault })
  return new ProblemError({ code, detail, ...(more && { more }) })
}

/** ZEGOCLOUD repeats 2 s after its first attempt, too. */
export function unavailable(detail: string, more = {}): ProblemError {
  return new ProblemError({ code: 'storage_unavailable', detail, headers: { 'retry-after': '2' }, more })
}
