/** What several routes have in common: the tags, and the problems that mean the same wherever they come. */
import type { SchemaName } from './schemas.ts'

export const TAGS = {
  callbacks: 'What ZEGOCLOUD calls.',
  snapshots: 'The results: read, started, published again, deleted.',
  quarantine: 'Callbacks that were not stored: listed, retried, deleted.',
  health: 'The state of the receiver.',
  events: 'What the queue delivers.',
} as const

/** A description, a schema or `null` for no body, and headers with what they say. */
export type Answer = readonly [description: string, schema: SchemaName | null, headers?: Record<string, string>]

const RETRY_AFTER = { 'Retry-After': 'After how many seconds to send the request again.' }

type Problem = { name: string; status: number; description: string; headers?: Record<string, string> }

function problems<Name extends string>(all: Record<Name, Problem>): Record<Name, Problem> {
  return all
}

/** Problems that mean the same wherever they come. */
export const PROBLEMS = problems({
  invalid: { name: 'InvalidRequest', status: 400, description: '`parameter` breaks the rule in `detail`.' },
  unauthorized: {
    name: 'Unauthorized',
    status: 401,
    description: 'The token is missing or wrong.',
    headers: { 'WWW-Authenticate': 'Which scheme to use.' },
  },
  forbidden: { name: 'Forbidden', status: 403, description: 'READ_TOKEN only reads.' },
  unknown: { name: 'NotFound', status: 404, description: 'Nothing has this id.' },
  method: {
    name: 'MethodNotAllowed',
    status: 405,
    description: 'The path allows other methods.',
    headers: { Allow: 'The allowed methods.' },
  },
  large: { name: 'BodyTooLarge', status: 413, description: 'The body is too large.' },
  frequent: {
    name: 'TooFrequent',
    status: 429,
    description: 'ZEGOCLOUD is called too often for this app; nothing was done.',
    headers: RETRY_AFTER,
  },
  failed: { name: 'InternalError', status: 500, description: 'A fault of the receiver: its log says more.' },
  refused: {
    name: 'ZegoError',
    status: 502,
    description: 'ZEGOCLOUD refused: `zego_code` and `zego_message` are its own.',
  },
  unavailable: {
    name: 'Unavailable',
    status: 503,
    description:
      'A setting is missing or broken (`not_configured`), or a store does not answer (`storage_unavailable`).',
    headers: RETRY_AFTER,
  },
  silent: {
    name: 'ZegoUnknown',
    status: 504,
    description: 'ZEGOCLOUD was asked and gave no readable answer.',
  },
})
export type ProblemName = keyof typeof PROBLEMS
