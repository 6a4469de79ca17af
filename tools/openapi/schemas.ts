/** What the routes take and answer, as schemas: the documentation is made of them, and the tests compare answers to them. */
import * as z from 'zod/mini'
import * as event from '../../src/event.ts'
import { type ProblemCode, PROBLEMS } from '../../src/http/problem.ts'
import { PARTS } from '../../src/store/health.ts'
import { REASONS } from '../../src/store/quarantine.ts'
import { registrationBody, startBody } from '../../src/zego/parameters.ts'

const isoTime = z.iso.datetime({ precision: 3 })
const count = z.int().check(z.minimum(0))

/** Counting stops early: where `exact` is false, there are at least this many. */
const counted = { count, exact: z.boolean() }
const waiting = z.object({ ...counted, oldest_at: z.nullable(isoTime) })

const problem = z.looseObject({
  type: z.string().check(z.startsWith('urn:zego-snapshots:problem:')),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(PROBLEMS) as ProblemCode[]),
  parameter: z.optional(z.string()),
  setting: z.optional(z.string()),
  age_seconds: z.optional(z.int()),
  zego_code: z.optional(z.int()),
  zego_message: z.optional(z.string()),
  task_id: z.optional(z.string()),
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
const entry = z.object(kept)

const ofReason = z.object({ ...counted, full_since: z.optional(isoTime), full_of_large_since: z.optional(isoTime) })
const quarantined = Object.fromEntries(REASONS.map((reason) => [reason, ofReason]))

const verdict = {
  status: z.enum(['ok', 'degraded', 'unhealthy']),
  parts: z.optional(z.array(z.enum(PARTS))),
}

const task_id = z.string()

export const schemas = {
  Picture: event.picture,
  CompletedRecord: event.completedRecord,
  FailedRecord: event.failedRecord,
  PendingRecord: event.pendingRecord,
  Snapshot: event.snapshotRecord,
  SnapshotPage: z.object({ items: z.array(event.snapshotRecord), next_cursor: z.nullable(z.string()) }),
  Start: startBody(),
  Registration: registrationBody(),
  Callback: z.looseObject({
    event: z.string(),
    appid: z.string(),
    timestamp: z.string(),
    nonce: z.string(),
    signature: z.string(),
    task_id: z.optional(z.string()),
    vendor: z.optional(z.string()),
    field_id: z.optional(z.string()),
    snapshot_pic_list: z.optional(z.union([z.string(), z.array(event.picture)])),
  }),
  Settled: z.object({ status: z.enum(['stored', 'duplicate']), task_id }),
  Accepted: z.object({ status: z.literal('accepted'), task_id }),
  Taken: z.union([
    z.object({ status: z.literal('accepted'), task_id: z.optional(task_id) }),
    z.object({ status: z.literal('quarantined'), id: z.string(), reason: z.enum(REASONS) }),
  ]),
  Republished: z.object({ republished: count, next_since: z.nullable(isoTime), seconds: count, kv_writes: count }),
  Deleted: z.object({ deleted: count, more: z.boolean() }),
  Confirmation: z.object({
    confirmed: z.nullable(z.boolean()),
    reason: z.optional(z.literal('unknown')),
    stored: z.optional(z.array(z.string())),
    zegocloud: z.optional(z.array(z.string())),
  }),
  ListedEntry: entry,
  Entry: z.object({ ...kept, body: z.optional(z.string()), body_base64: z.optional(z.string()) }),
  EntryPage: z.object({ items: z.array(entry), next_cursor: z.nullable(z.string()) }),
  Waiting: waiting,
  Status: z.object({
    ...verdict,
    since: z.nullable(isoTime),
    unpublished: z.object({ ...waiting.shape, without_event: waiting, without_kv_only: waiting }),
    refused_by_kv: z.object(counted),
    aside: z.object({ waiting: count, poison: count }),
    pending: z.object(counted),
    quarantined: z.object(quarantined),
    last_callback: z.nullable(z.object({ received_at: isoTime, with_path_token: z.nullable(z.boolean()) })),
    last_refusals: z.record(z.string(), isoTime),
  }),
  OfReason: ofReason,
  Health: z.object(verdict),
  Event: event.snapshotEvent,
  FailedEvent: event.failedEvent,
  CompletedEvent: event.completedEvent,
  ReferredEvent: event.referredEvent,
  ReferredRecord: event.referredRecord,
  Problem: problem,
} satisfies Record<string, z.ZodMiniType>

export type SchemaName = keyof typeof schemas

const names = z.registry<{ id: string }>()
for (const [id, schema] of Object.entries(schemas)) names.add(schema, { id })

type Made = Record<string, unknown>

type Override = NonNullable<z.core.ToJSONSchemaParams['override']>

/**
 * For generators of types: a property that one variant only forbids is left out, since they lose the type that the other
 * variant has for it; and so are "any other properties", which JSON Schema allows by itself, since they forbid narrowing.
 * A time is told by its format, and no number by what JavaScript can count.
 */
const override: Override = ({ zodSchema, jsonSchema }) => {
  const { format, maximum, minimum, properties = {}, additionalProperties } = jsonSchema
  const { def } = zodSchema._zod as { def: { shape?: Record<string, z.core.$ZodType> } }
  for (const [name, schema] of Object.entries(def.shape ?? {})) if (isAbsent(schema)) delete properties[name]
  if (additionalProperties && Object.keys(additionalProperties).length === 0) delete jsonSchema.additionalProperties
  if (format === 'date-time' || format === 'date') delete jsonSchema.pattern
  if (format === 'starts_with') delete jsonSchema.format
  if (maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  if (minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
}

const isAbsent = (schema: z.core.$ZodType) =>
  schema instanceof z.ZodMiniOptional && schema._zod.def.innerType._zod.def.type === 'undefined'

const OPTIONS = { unrepresentable: 'any', override } as const

/** All of them, for `components.schemas`. */
export function componentSchemas(): Record<string, Made> {
  const made = z.toJSONSchema(names, { ...OPTIONS, uri: (id) => `#/components/schemas/${id}` })
  return Object.fromEntries(Object.entries(made.schemas).map(([id, schema]) => [id, plain(schema)]))
}

/** One schema where it stands. */
export function inlineSchema(schema: z.core.$ZodType): Made {
  return plain(z.toJSONSchema(schema, OPTIONS))
}

/** OpenAPI 3.1 has its own word for the dialect, and its own place for the id. */
function plain(schema: object): Made {
  const { $schema: _dialect, $id: _id, id: _name, ...rest } = schema as Made
  return rest
}
