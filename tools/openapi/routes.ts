/** Every route: what it takes and what it answers. The documentation is this table. */
import type { ProblemCode } from '../../src/http/problem.ts'
import { quarantineQuery, removalQuery, retryQuery } from '../../src/http/quarantine.ts'
import { noQuery, type Query } from '../../src/http/query.ts'
import { getQuery, listQuery, rangeQuery } from '../../src/http/snapshots.ts'
import type { SchemaName } from './schemas.ts'

/** A description, a schema or `null` for no body, and headers with what they say. */
export type Answer = readonly [description: string, schema: SchemaName | null, headers?: Record<string, string>]

export type Route = {
  operationId: string
  summary: string
  description?: string
  query?: Query
  body?: SchemaName
  answers: Readonly<Record<number, Answer>>
  /** Beside those of every route that wants a token. */
  problems?: readonly ProblemCode[]
}

const LOCATION = { Location: 'The path of the record.' }
const OF_ZEGO = ['too_frequent', 'zego_error', 'zego_unknown'] as const
/** What any request may meet. */
export const ANY_REQUEST = ['internal_error', 'not_configured', 'storage_unavailable'] as const
const UNVERIFIED = ['undecodable', 'bad_signature', 'unknown_app', 'invalid_timestamp', 'stale'] as const

const CALLBACK = {
  description:
    'JSON, a JSON string, percent-encoded JSON or a form, compressed or not, whatever the headers say; at most 1,900,000 bytes. Its signature is in the body. 2XX means that the callback is durable; anything else makes ZEGOCLOUD retry.',
  body: 'Callback',
  answers: {
    200: ['Verified, and committed to D1; or the same content as before.', 'Settled'],
    202: ['Verified and durable, stored later; or authentic, and kept in the quarantine.', 'Taken'],
  },
  problems: ['not_found', 'method_not_allowed', ...UNVERIFIED, 'signature_reused', 'body_too_large', ...ANY_REQUEST],
} satisfies Omit<Route, 'operationId' | 'summary'>

/** By method and path, as OpenAPI writes it. */
export const ROUTES: Record<string, Route> = {
  'post /zego/callback': {
    ...CALLBACK,
    operationId: 'receiveCallback',
    summary: "ZEGOCLOUD's callbacks, while no CALLBACK_PATH_TOKEN is set.",
  },
  'post /zego/callback/{token}': {
    ...CALLBACK,
    operationId: 'receiveCallbackWithToken',
    summary: "ZEGOCLOUD's callbacks, with a CALLBACK_PATH_TOKEN.",
  },
  'get /v1/snapshots': {
    operationId: 'listSnapshots',
    summary: 'Lists records, or follows them as a feed.',
    description:
      'The newest first. A page may be short, or even empty, and still have a next_cursor. With order=oldest the list is a feed: next_cursor is always present, and continues where the page stopped. Nothing is skipped, not even a result that was received before the last record of a page and stored after it. A task appears again when its record has changed.',
    query: listQuery,
    answers: { 200: ['A page.', 'SnapshotPage'] },
  },
  'post /v1/snapshots': {
    operationId: 'startSnapshot',
    summary: 'Starts a task at ZEGOCLOUD, and registers it.',
    description: "The parameters are MediaThumbnails' own. AppId is needed where several apps are configured.",
    body: 'Start',
    answers: {
      201: ['It has started. The record is pending, or finished if its callback arrived first.', 'Snapshot', LOCATION],
    },
    problems: ['body_too_large', ...OF_ZEGO],
  },
  'get /v1/snapshots/{task_id}': {
    operationId: 'getSnapshot',
    summary: 'Reads a record, or waits until its task has finished.',
    description: 'With wait, the answer is held up to that many seconds, also for a task that is not known yet.',
    query: getQuery,
    answers: {
      200: ['The record, finished or pending.', 'Snapshot', { ETag: 'Changes when the record does.' }],
      304: ['The record is still the one that If-None-Match names.', null],
    },
    problems: ['not_found'],
  },
  'put /v1/snapshots/{task_id}': {
    operationId: 'registerSnapshot',
    summary: 'Registers a task that someone else started.',
    body: 'Registration',
    answers: {
      200: ['The task was known already: its record, unchanged.', 'Snapshot'],
      201: ['The task is registered now.', 'Snapshot', LOCATION],
    },
    problems: ['body_too_large'],
  },
  'delete /v1/snapshots/{task_id}': {
    operationId: 'deleteSnapshot',
    summary: 'Deletes a record from D1 and KV.',
    description: 'Its signatures stay in the ledger: the same content again is a duplicate, and not stored.',
    answers: { 204: ['It is deleted, or did not exist.', null] },
  },
  'post /v1/snapshots/{task_id}/republish': {
    operationId: 'republishSnapshot',
    summary: 'Writes KV and sends the event again, with the same id.',
    answers: {
      202: ['It is in the outbox, and published soon.', 'Accepted'],
    },
    problems: ['not_finished', 'not_found'],
  },
  'post /v1/republish': {
    operationId: 'republishSnapshots',
    summary: 'Republishes every finished task that was stored in a range of time.',
    description:
      "since is inclusive, until exclusive. At most 1,000 a call: continue with next_since until it is null. seconds is how long publishing takes at the pace of PLAN; kv_writes is how many of the free plan's 1,000 KV writes a day it takes: what is beyond them follows after 00:00 UTC.",
    query: rangeQuery,
    answers: { 202: ['How many are in the outbox now.', 'Republished'] },
  },
  'get /v1/snapshots/{task_id}/confirmation': {
    operationId: 'confirmSnapshot',
    summary: 'Asks ZEGOCLOUD now, and compares the URLs.',
    description:
      'Nothing is changed. confirmed is null while ZEGOCLOUD has not finished, and where it does not know the task.',
    answers: {
      200: ['Whether the URLs are those of ZEGOCLOUD.', 'Confirmation'],
    },
    problems: ['unknown_vendor', 'not_found', ...OF_ZEGO],
  },
  'get /v1/quarantine': {
    operationId: 'listQuarantine',
    summary: 'Lists what is in quarantine, the newest first, without bodies.',
    query: quarantineQuery,
    answers: { 200: ['A page.', 'EntryPage'] },
  },
  'delete /v1/quarantine': {
    operationId: 'deleteQuarantineEntries',
    summary: 'Deletes entries of a reason, the oldest first, at most 1,000 a call.',
    query: removalQuery,
    answers: { 200: ['How many were deleted, and whether others are left.', 'Deleted'] },
  },
  'get /v1/quarantine/{id}': {
    operationId: 'getQuarantineEntry',
    summary: 'Reads an entry, with its body as it was received.',
    description: 'READ_TOKEN sees no body. The body of replaced content is its record.',
    answers: { 200: ['The entry.', 'Entry'] },
    problems: ['not_found'],
  },
  'post /v1/quarantine/{id}/retry': {
    operationId: 'retryQuarantineEntry',
    summary: 'Runs an entry through the receiver again, at its own time of receipt.',
    description:
      'With replace=true it replaces what is stored. It leaves the quarantine once it is stored or a duplicate.',
    query: retryQuery,
    answers: {
      200: CALLBACK.answers[200],
      202: ['It stays in the quarantine.', 'Taken'],
    },
    problems: [...UNVERIFIED, 'signature_reused', 'not_found', 'body_too_large'],
  },
  'delete /v1/quarantine/{id}': {
    operationId: 'deleteQuarantineEntry',
    summary: 'Deletes an entry.',
    answers: { 204: ['It is deleted, or did not exist.', null] },
  },
  'get /v1/status': {
    operationId: 'getStatus',
    summary: 'The state of the receiver, with counts that are exact up to 1,000.',
    description: 'Where exact is false, there are at least as many as the count.',
    query: noQuery,
    answers: { 200: ['The verdict and its facts.', 'Status'] },
  },
  'get /healthz': {
    operationId: 'getHealth',
    summary: 'The verdict alone, for monitors.',
    answers: {
      200: ['All is well, or something is late that recovers by itself.', 'Health'],
      503: ['Somebody should look at the parts that are named.', 'Health'],
    },
    problems: ['method_not_allowed'],
  },
}
