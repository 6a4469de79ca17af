/** Every route: what it takes and what it answers. The documentation is this table. */
import { quarantineQuery, removalQuery, retryQuery } from '../../src/http/quarantine.ts'
import { noQuery, type Query } from '../../src/http/query.ts'
import type { SchemaName } from './schemas.ts'
import { getQuery, listQuery, rangeQuery } from '../../src/http/snapshots.ts'

export type Route = {
  method: 'get' | 'post' | 'put' | 'delete'
  /** As OpenAPI writes it: `/v1/snapshots/{task_id}`. */
  path: string
  summary: string
  /** Open to whoever asks; the others want the API token. */
  isOpen?: boolean
  query?: Query
  body?: SchemaName
  /** By status: a schema, or `null` for an answer without a body. */
  answers: Record<number, SchemaName | null>
}

/** What any route that asks for the token may answer. */
const GUARDED = { 400: 'Problem', 401: 'Problem', 503: 'Problem' } as const
const KNOWN = { ...GUARDED, 404: 'Problem' } as const
const ASKING = { ...GUARDED, 429: 'Problem', 502: 'Problem', 504: 'Problem' } as const

export const ROUTES: readonly Route[] = [
  {
    method: 'post',
    path: '/zego/callback/{token}',
    summary: "ZEGOCLOUD's callbacks; without CALLBACK_PATH_TOKEN also at /zego/callback.",
    isOpen: true,
    answers: {
      200: 'Settled',
      202: 'Settled',
      400: 'Problem',
      401: 'Problem',
      404: 'Problem',
      405: 'Problem',
      409: 'Problem',
      413: 'Problem',
      503: 'Problem',
    },
  },
  {
    method: 'get',
    path: '/v1/snapshots',
    summary: 'Lists records, newest first. A page may be short, even empty, and still have a next_cursor.',
    query: listQuery,
    answers: { ...GUARDED, 200: 'SnapshotPage' },
  },
  {
    method: 'post',
    path: '/v1/snapshots',
    summary: "Starts a task: MediaThumbnails' own parameters.",
    body: 'Start',
    answers: { ...ASKING, 201: 'Snapshot', 413: 'Problem' },
  },
  {
    method: 'get',
    path: '/v1/snapshots/{task_id}',
    summary: 'The record. With wait, held up to that many seconds, until the task has finished.',
    query: getQuery,
    answers: { ...KNOWN, 200: 'Snapshot', 304: null },
  },
  {
    method: 'put',
    path: '/v1/snapshots/{task_id}',
    summary: 'Registers a task that someone else started.',
    body: 'Registration',
    answers: { ...GUARDED, 200: 'Snapshot', 201: 'Snapshot', 413: 'Problem' },
  },
  {
    method: 'delete',
    path: '/v1/snapshots/{task_id}',
    summary: 'Deletes the record from D1 and KV, also where there is none. The ledger keeps its signatures.',
    answers: { ...GUARDED, 204: null },
  },
  {
    method: 'post',
    path: '/v1/snapshots/{task_id}/republish',
    summary: 'Writes KV and sends the event again, with the same id.',
    answers: { ...KNOWN, 202: 'Settled', 409: 'Problem' },
  },
  {
    method: 'post',
    path: '/v1/republish',
    summary: 'Republishes all that was received in a range, at most 1,000 a call.',
    query: rangeQuery,
    answers: { ...GUARDED, 202: 'Republished' },
  },
  {
    method: 'get',
    path: '/v1/snapshots/{task_id}/confirmation',
    summary: 'Asks ZEGOCLOUD now, and compares the URLs. Nothing is changed.',
    answers: { ...ASKING, 200: 'Confirmation', 404: 'Problem', 409: 'Problem' },
  },
  {
    method: 'get',
    path: '/v1/quarantine',
    summary: 'Lists what was kept aside, newest first, without the bodies.',
    query: quarantineQuery,
    answers: { ...GUARDED, 200: 'EntryPage' },
  },
  {
    method: 'delete',
    path: '/v1/quarantine',
    summary: 'Deletes entries of a reason, the oldest first, at most 1,000 a call.',
    query: removalQuery,
    answers: { ...GUARDED, 200: 'Deleted' },
  },
  {
    method: 'get',
    path: '/v1/quarantine/{id}',
    summary: 'What was kept aside, with its body as it was received; of replaced content, its record.',
    answers: { ...KNOWN, 200: 'ListedEntry' },
  },
  {
    method: 'post',
    path: '/v1/quarantine/{id}/retry',
    summary: 'Takes it as authentic, at its own time. With replace it wins over what is stored.',
    query: retryQuery,
    answers: { ...KNOWN, 200: 'Settled', 202: 'Settled', 409: 'Problem' },
  },
  {
    method: 'delete',
    path: '/v1/quarantine/{id}',
    summary: 'Deletes it, also where there is none.',
    answers: { ...GUARDED, 204: null },
  },
  {
    method: 'get',
    path: '/v1/status',
    summary: 'How all is going. Counts stop early: where exact is false, there are at least so many.',
    query: noQuery,
    answers: { ...GUARDED, 200: 'Status' },
  },
  {
    method: 'get',
    path: '/healthz',
    summary: 'For monitors.',
    isOpen: true,
    answers: { 200: 'Health', 503: 'Health' },
  },
  {
    method: 'get',
    path: '/openapi.json',
    summary: 'This document.',
    isOpen: true,
    answers: { 200: 'OpenApi' },
  },
]
