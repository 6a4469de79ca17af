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

export type Problem = readonly [name: string, status: number, description: string, headers?: Record<string, string>]

const UNAVAILABLE =
  'A setting is missing or broken (`not_configured`), or a store does not answer (`storage_unavailable`).'
const FREQUENT = 'ZEGOCLOUD is called too often for this app; nothing was done.'
const REFUSED = 'ZEGOCLOUD refused: `zego_code` and `zego_message` are its own.'

/** Problems that mean the same wherever they come. */
export const PROBLEMS = {
  invalid: ['InvalidRequest', 400, '`parameter` breaks the rule in `detail`.'],
  unauthorized: ['Unauthorized', 401, 'The token is missing or wrong.', { 'WWW-Authenticate': 'Which scheme to use.' }],
  forbidden: ['Forbidden', 403, 'READ_TOKEN only reads.'],
  unknown: ['NotFound', 404, 'Nothing has this id.'],
  method: ['MethodNotAllowed', 405, 'The path allows other methods.', { Allow: 'The allowed methods.' }],
  large: ['BodyTooLarge', 413, 'The body is too large.'],
  frequent: ['TooFrequent', 429, FREQUENT, RETRY_AFTER],
  failed: ['InternalError', 500, 'A fault of the receiver: its log says more.'],
  refused: ['ZegoError', 502, REFUSED],
  unavailable: ['Unavailable', 503, UNAVAILABLE, RETRY_AFTER],
  silent: ['ZegoUnknown', 504, 'ZEGOCLOUD was asked and gave no readable answer.'],
} as const satisfies Record<string, Problem>
export type ProblemName = keyof typeof PROBLEMS
