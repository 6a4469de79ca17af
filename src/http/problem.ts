/** Refusals as RFC 9457 problems: a code for programs, and words that say what to do. */
import { describeRefusal } from '../callback/refusal.ts'
import type { SettingFault } from '../settings.ts'

/** All that a client may meet. */
export const CODES = [
  'invalid_request',
  'unauthorized',
  'forbidden',
  'not_found',
  'method_not_allowed',
  'body_too_large',
  'undecodable',
  'bad_signature',
  'unknown_app',
  'invalid_timestamp',
  'stale',
  'signature_reused',
  'not_finished',
  'unknown_vendor',
  'too_frequent',
  'zego_error',
  'zego_unknown',
  'not_configured',
  'storage_unavailable',
  'internal_error',
] as const

export type Problem = {
  code: (typeof CODES)[number]
  status: number
  title: string
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

export function problem({ code, status, title, detail, headers, more }: Problem): Response {
  return Response.json(
    { type: `urn:zego-snapshots:problem:${code}`, title, status, detail, code, ...more },
    { status, headers: { ...headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' } },
  )
}

export function notFound(detail: string): ProblemError {
  return new ProblemError({ code: 'not_found', status: 404, title: 'Not found', detail })
}

export function methodNotAllowed(method: string, allowed: readonly string[]): ProblemError {
  const allow = allowed.join(', ')
  return new ProblemError({
    code: 'method_not_allowed',
    status: 405,
    title: 'This path does not allow the method',
    detail: `${method} is not allowed here: use ${allow}.`,
    headers: { allow },
  })
}

export function notConfigured(fault: SettingFault): ProblemError {
  const code = 'not_configured'
  return new ProblemError({ code, ...describeRefusal({ code, ...fault }) })
}

/** ZEGOCLOUD repeats 2 s after its first attempt, too. */
export function unavailable(detail: string): ProblemError {
  const headers = { 'retry-after': '2' }
  return new ProblemError({
    code: 'storage_unavailable',
    status: 503,
    title: 'The store does not answer',
    detail,
    headers,
  })
}
