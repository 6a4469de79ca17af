/** Every route: what it takes and what it answers. The documentation is this table. */
import { quarantineQuery, removalQuery, retryQuery } from '../../src/http/quarantine.ts'
import { noQuery, type Query } from '../../src/http/query.ts'
import { getQuery, listQuery, rangeQuery } from '../../src/http/snapshots.ts'
import type { SchemaName } from './schemas.ts'

export const TAGS = {
  callbacks: 'What ZEGOCLOUD calls.',
  snapshots: 'The results: read, started, published again, deleted.',
  quarantine: 'Callbacks that were not stored: looked at, retried, deleted.',
  health: 'How all is going.',
  events: 'What consumers of the queue get.',
} as const

/** A description, a schema or `null` for no body, and headers with what they say. */
export type Answer = readonly [description: string, schema: SchemaName | null, headers?: Record<string, string>]

export type Route = {
  operationId: string
  method: 'get' | 'post' | 'put' | 'delete'
  /** As OpenAPI writes it: `/v1/snapshots/{task_id}`. */
  path: string
  tag: keyof typeof TAGS
  summary: string
  description?: string
  /** Open to whoever asks; the others want a token. */
  isOpen?: boolean
  query?: Query
  body?: { types: readonly string[]; schema: SchemaName }
  /** By status. */
  answers: Record<number, Answer>
  /** Beside those of every route that wants a token. */
  problems?: readonly ProblemName[]
}

const RETRY_AFTER = { 'Retry-After': 'In how many seconds to ask again.' }

type Problem = { name: string; status: number; description: string; headers?: Record<string, string> }

function problems<Name extends string>(all: Record<Name, Problem>): Record<Name, Problem> {
  return all
}

/** Problems that mean the same wherever they come. */
export const PROBLEMS = problems({
  invalid: { name: 'InvalidRequest', status: 400, description: '`parameter` breaks the rule that `detail` tells.' },
  unauthorized: {
    name: 'Unauthorized',
    status: 401,
    description: 'The token is missing or wrong.',
    headers: { 'WWW-Authenticate': 'Which scheme to use.' },
  },
  forbidden: { name: 'Forbidden', status: 403, description: 'READ_TOKEN only reads.' },
  unknown: { name: 'NotFound', status: 404, description: 'Nothing is known by this id.' },
  method: {
    name: 'MethodNotAllowed',
    status: 405,
    description: 'The path takes other methods.',
    headers: { Allow: 'Which methods it takes.' },
  },
  large: { name: 'BodyTooLarge', status: 413, description: 'The body is larger than what is read here.' },
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
    description: 'ZEGOCLOUD was asked, and gave no answer that can be read.',
  },
})
export type ProblemName = keyof typeof PROBLEMS

const OF_ZEGO = ['frequent', 'refused', 'silent'] as const
const JSON_BODY = ['application/json']
const LOCATION = { Location: 'The path of the record.' }
const ACCEPTED_AGAIN: Answer = ['It is in the outbox, and published soon.', 'Taken']

const CALLBACK = {
  method: 'post',
  tag: 'callbacks',
  description:
    "JSON, a JSON string, percent-encoded JSON or a form, packed or not, whatever the headers say; at most 1,900,000 bytes. Its signature is in the body. 2XX means that the callback is durable; anything else asks for ZEGOCLOUD's retry.",
  isOpen: true,
  body: { types: ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'], schema: 'Callback' },
  answers: {
    200: ['Verified, and committed to D1; or the same content as before.', 'Settled'],
    202: ['Verified and durable, stored later; or authentic, and kept in the quarantine.', 'Taken'],
    400: ['No callback can be read from the bytes.', 'Problem'],
    401: ['The signature, the app or the time is not right. The callback is kept in the quarantine.', 'Problem'],
    404: ['The path token is wrong.', 'Problem'],
    409: ['This signature came before with other content: one of the two is forged.', 'Problem'],
  },
  problems: ['method', 'large', 'failed', 'unavailable'],
} satisfies Omit<Route, 'operationId' | 'path' | 'summary'>

export const ROUTES: readonly Route[] = [
  {
    ...CALLBACK,
    operationId: 'receiveCallback',
    path: '/zego/callback',
    summary: "ZEGOCLOUD's callbacks, while no CALLBACK_PATH_TOKEN is set.",
  },
  {
    ...CALLBACK,
    operationId: 'receiveCallbackWithToken',
    path: '/zego/callback/{token}',
    summary: "ZEGOCLOUD's callbacks, with a CALLBACK_PATH_TOKEN.",
  },
  {
    operationId: 'listSnapshots',
    method: 'get',
    path: '/v1/snapshots',
    tag: 'snapshots',
    summary: 'Lists records, or follows them as a feed.',
    description:
      'The newest first; a page may be short, even empty, and still have a next_cursor. With order=oldest it is a feed: next_cursor is always there, and goes on when more has come. Nothing is skipped, not even what was received before the last record of a page and stored after it. A task comes again when its record has changed.',
    query: listQuery,
    answers: { 200: ['A page.', 'SnapshotPage'] },
  },
  {
    operationId: 'startSnapshot',
    method: 'post',
    path: '/v1/snapshots',
    tag: 'snapshots',
    summary: 'Starts a task at ZEGOCLOUD, and registers it.',
    description: "The parameters are MediaThumbnails' own. AppId is needed where several apps are configured.",
    body: { types: JSON_BODY, schema: 'Start' },
    answers: {
      201: ['It has begun. The record is pending, or finished if its callback came first.', 'Snapshot', LOCATION],
    },
    problems: ['large', ...OF_ZEGO],
  },
  {
    operationId: 'getSnapshot',
    method: 'get',
    path: '/v1/snapshots/{task_id}',
    tag: 'snapshots',
    summary: 'Reads a record, or waits until its task has finished.',
    description: 'With wait, the answer is held up to that many seconds, also for a task that is not known yet.',
    query: getQuery,
    answers: {
      200: ['The record, finished or pending.', 'Snapshot', { ETag: 'Changes when the record does.' }],
      304: ['The record is still the one that If-None-Match names.', null],
    },
    problems: ['unknown'],
  },
  {
    operationId: 'registerSnapshot',
    method: 'put',
    path: '/v1/snapshots/{task_id}',
    tag: 'snapshots',
    summary: 'Registers a task that someone else started.',
    body: { types: JSON_BODY, schema: 'Registration' },
    answers: {
      200: ['It was known: the record as it is.', 'Snapshot'],
      201: ['It is registered now.', 'Snapshot', LOCATION],
    },
    problems: ['large'],
  },
  {
    operationId: 'deleteSnapshot',
    method: 'delete',
    path: '/v1/snapshots/{task_id}',
    tag: 'snapshots',
    summary: 'Deletes a record from D1 and KV.',
    description: 'Its signatures stay in the ledger: the same content again is a duplicate, and not stored.',
    answers: { 204: ['It is gone, or was not there.', null] },
  },
  {
    operationId: 'republishSnapshot',
    method: 'post',
    path: '/v1/snapshots/{task_id}/republish',
    tag: 'snapshots',
    summary: 'Writes KV and sends the event again, with the same id.',
    answers: { 202: ACCEPTED_AGAIN, 409: ['The task has not finished.', 'Problem'] },
    problems: ['unknown'],
  },
  {
    operationId: 'republishSnapshots',
    method: 'post',
    path: '/v1/republish',
    tag: 'snapshots',
    summary: 'Republishes every finished task that was received in a range of time.',
    description:
      'since is inclusive, until exclusive. At most 1,000 a call, published at the pace of the outbox: go on with next_since until it is null.',
    query: rangeQuery,
    answers: { 202: ['So many are in the outbox.', 'Republished'] },
  },
  {
    operationId: 'confirmSnapshot',
    method: 'get',
    path: '/v1/snapshots/{task_id}/confirmation',
    tag: 'snapshots',
    summary: 'Asks ZEGOCLOUD now, and compares the URLs.',
    description: 'Nothing is changed. confirmed is null while ZEGOCLOUD has not finished.',
    answers: {
      200: ['What ZEGOCLOUD says of it.', 'Confirmation'],
      409: ["The task's vendor cannot be asked about.", 'Problem'],
    },
    problems: ['unknown', ...OF_ZEGO],
  },
  {
    operationId: 'listQuarantine',
    method: 'get',
    path: '/v1/quarantine',
    tag: 'quarantine',
    summary: 'Lists what is in quarantine, the newest first, without bodies.',
    query: quarantineQuery,
    answers: { 200: ['A page.', 'EntryPage'] },
  },
  {
    operationId: 'deleteQuarantineEntries',
    method: 'delete',
    path: '/v1/quarantine',
    tag: 'quarantine',
    summary: 'Deletes entries of a reason, the oldest first, at most 1,000 a call.',
    query: removalQuery,
    answers: { 200: ['How many are gone, and whether there are more.', 'Deleted'] },
  },
  {
    operationId: 'getQuarantineEntry',
    method: 'get',
    path: '/v1/quarantine/{id}',
    tag: 'quarantine',
    summary: 'Reads an entry, with its body as it was received.',
    description: 'READ_TOKEN sees no body. The body of replaced content is its record.',
    answers: { 200: ['The entry.', 'Entry'] },
    problems: ['unknown'],
  },
  {
    operationId: 'retryQuarantineEntry',
    method: 'post',
    path: '/v1/quarantine/{id}/retry',
    tag: 'quarantine',
    summary: "Runs an entry through today's code, at its own time.",
    description: 'With replace it wins over what is stored. It leaves the quarantine once it is stored or a duplicate.',
    query: retryQuery,
    answers: {
      200: CALLBACK.answers[200],
      202: ['It stays in the quarantine.', 'Taken'],
      400: ['It cannot be read, or a parameter is wrong.', 'Problem'],
      401: ['It does not verify, or the token is wrong.', 'Problem'],
      409: ['Its signature came before with other content.', 'Problem'],
    },
    problems: ['unknown', 'large'],
  },
  {
    operationId: 'deleteQuarantineEntry',
    method: 'delete',
    path: '/v1/quarantine/{id}',
    tag: 'quarantine',
    summary: 'Deletes an entry.',
    answers: { 204: ['It is gone, or was not there.', null] },
  },
  {
    operationId: 'getStatus',
    method: 'get',
    path: '/v1/status',
    tag: 'health',
    summary: 'How all is going, with counts up to 1,000.',
    description: 'Where exact is false, there are more than the count.',
    query: noQuery,
    answers: { 200: ['The verdict and what it is made of.', 'Status'] },
  },
  {
    operationId: 'getHealth',
    method: 'get',
    path: '/healthz',
    tag: 'health',
    summary: 'The verdict alone, for monitors.',
    isOpen: true,
    answers: {
      200: ['All is well, or something is late that recovers by itself.', 'Health'],
      503: ['Someone should look: parts names what at.', 'Health'],
    },
    problems: ['method'],
  },
  {
    operationId: 'getOpenApi',
    method: 'get',
    path: '/openapi.json',
    tag: 'health',
    summary: 'This document.',
    isOpen: true,
    answers: { 200: ['OpenAPI 3.1.', 'OpenApi'] },
    problems: ['method'],
  },
]
