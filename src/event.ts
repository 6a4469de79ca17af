/**
 * What readers and consumers rely on: the record of a screenshot task, and the event that tells of it.
 *
 * This file imports zod alone, so that a consumer can copy it. It needs zod 4.
 * Field names are ZEGOCLOUD's own. Fields may be added later; none is renamed or removed.
 */
import * as z from 'zod/mini'

const isoTime = z.iso.datetime({ precision: 3 })

/** One screenshot. `url` is byte for byte ZEGOCLOUD's (Huawei's may be relative); `offset` is in milliseconds. */
export const picture = z.looseObject({ url: z.string(), offset: z.optional(z.number()) })

const task = { task_id: z.string(), appid: z.string(), vendor: z.string() }

/** ZEGOCLOUD made the screenshots. `extra` holds the callback's fields that ZEGOCLOUD does not document yet. */
export const completedRecord = z.looseObject({
  ...task,
  status: z.literal('completed'),
  field_id: z.optional(z.string()),
  snapshot_pic_list: z.array(picture),
  extra: z.optional(z.record(z.string(), z.unknown())),
  via: z.enum(['callback', 'query']),
  /** The callback's own timestamp. Absent when the record was fetched from ZEGOCLOUD's query API. */
  signed_at: z.optional(isoTime),
  received_at: isoTime,
})

/** ZEGOCLOUD could not make the screenshots. */
export const failedRecord = z.looseObject({
  ...task,
  status: z.literal('failed'),
  registered_at: z.optional(isoTime),
  error: z.looseObject({ message: z.string() }),
  received_at: isoTime,
})

/** A task that was started or registered, and has not finished. It has no event. */
export const pendingRecord = z.looseObject({ ...task, status: z.literal('pending'), registered_at: isoTime })

export const snapshotRecord = z.discriminatedUnion('status', [completedRecord, failedRecord, pendingRecord])

export type Picture = z.infer<typeof picture>
export type CompletedRecord = z.infer<typeof completedRecord>
export type FailedRecord = z.infer<typeof failedRecord>
export type PendingRecord = z.infer<typeof pendingRecord>
export type SnapshotRecord = z.infer<typeof snapshotRecord>

/** A completed record too large for a queue message: without its pictures, which `dataref` leads to. */
export const referredRecord = z.looseObject({
  ...completedRecord.shape,
  snapshot_pic_list: z.optional(z.undefined()),
  extra: z.optional(z.undefined()),
  pictures: z.int().check(z.nonnegative()),
})

const envelope = {
  specversion: z.literal('1.0'),
  /** SHA-256 over task_id and content: the same for every delivery of the same content. Drop repeats by it. */
  id: z.string().check(z.minLength(1)),
  source: z.string().check(z.startsWith('/zego/')),
  subject: z.string(),
  time: isoTime,
  datacontenttype: z.literal('application/json'),
}

export const failedEvent = z.looseObject({
  ...envelope,
  type: z.literal('com.zegocloud.snapshot.failed'),
  data: failedRecord,
})

/** With its pictures. */
export const completedEvent = z.looseObject({
  ...envelope,
  type: z.literal('com.zegocloud.snapshot.completed'),
  dataref: z.optional(z.undefined()),
  data: completedRecord,
})

/** By reference. */
export const referredEvent = z.looseObject({
  ...envelope,
  type: z.literal('com.zegocloud.snapshot.completed'),
  dataref: z.string().check(z.startsWith('/v1/snapshots/')),
  data: referredRecord,
})

/**
 * A CloudEvents 1.0 event on the queue `zego-snapshots-events`: one for each finished task, at least once, in no order.
 * With `dataref`, a path on the receiver's own Worker, `data` lacks the pictures: read them there with the API token.
 */
export const snapshotEvent = z.union([failedEvent, completedEvent, referredEvent])

export type SnapshotEvent = z.infer<typeof snapshotEvent>
