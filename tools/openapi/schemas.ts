/** What the routes answer with, as schemas: the documentation is made of them, and the tests hold answers against them. */
import * as z from 'zod/mini'
import { snapshotRecord } from '../../src/event.ts'
import { PARTS } from '../../src/store/health.ts'
import { REASONS } from '../../src/store/quarantine.ts'

const isoTime = z.iso.datetime({ precision: 3 })
const count = z.int().check(z.minimum(0))

/** Of more than are counted, `exact` is false: there are at least so many. */
const counted = { count, exact: z.boolean() }
const waiting = z.object({ ...counted, oldest_at: z.nullable(isoTime) })

const problem = z.looseObject({
  type: z.string().check(z.startsWith('urn:zego-snapshots:problem:')),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  parameter: z.optional(z.string()),
})

const kept = {
  id: z.string(),
  reason: z.enum(REASONS),
  detail: z.string(),
  task_id: z.optional(z.string()),
  received_at: isoTime,
  content_type: z.optional(z.string()),
  content_encoding: z.optional(z.string()),
}
const page = { next_cursor: z.nullable(z.string()) }

const settled = z.union([
  z.object({ status: z.enum(['stored', 'duplicate']), task_id: z.string() }),
  z.object({ status: z.literal('quarantined'), id: z.string(), reason: z.enum(REASONS) }),
  z.object({ status: z.literal('accepted'), task_id: z.optional(z.string()) }),
])

const verdict = {
  status: z.enum(['ok', 'degraded', 'unhealthy']),
  parts: z.optional(z.array(z.enum(PARTS))),
}

export const schemas = {
  Problem: problem,
  Snapshot: snapshotRecord,
  SnapshotPage: z.object({ items: z.array(snapshotRecord), ...page }),
  ListedEntry: z.object({ ...kept, body: z.optional(z.string()), body_base64: z.optional(z.string()) }),
  EntryPage: z.object({ items: z.array(z.object(kept)), ...page }),
  Settled: settled,
  Republished: z.object({ republished: count, next_since: z.nullable(isoTime) }),
  Deleted: z.object({ deleted: count, more: z.boolean() }),
  Status: z.object({
    ...verdict,
    since: z.nullable(isoTime),
    unpublished: z.object({ ...waiting.shape, without_event: waiting, without_kv_only: waiting }),
    refused_by_kv: z.object(counted),
    aside: z.object({ waiting: count, poison: count }),
    pending: z.object(counted),
    quarantined: z.record(z.enum(REASONS), z.object({ ...counted, full_since: z.optional(isoTime) })),
    last_callback: z.nullable(z.object({ received_at: isoTime, with_path_token: z.nullable(z.boolean()) })),
    last_refusals: z.record(z.string(), isoTime),
  }),
  Health: z.object(verdict),
  Confirmation: z.object({
    confirmed: z.nullable(z.boolean()),
    stored: z.optional(z.array(z.string())),
    zegocloud: z.optional(z.array(z.string())),
  }),
  Start: z.looseObject({}),
  Registration: z.object({ vendor: z.string(), appid: z.optional(z.string()) }),
  OpenApi: z.looseObject({ openapi: z.string(), paths: z.looseObject({}) }),
} satisfies Record<string, z.ZodMiniType>

export type SchemaName = keyof typeof schemas
