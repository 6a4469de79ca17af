/** A finished record as the CloudEvents 1.0 event that consumers get. */
import { isWithin, sha256 } from '../callback/bytes.ts'
import type { CompletedRecord, FailedRecord, SnapshotEvent } from '../event.ts'

/** A queue takes 128 KB a message, with some overhead of its own. */
export const EVENT_LIMIT_BYTES = 127_000

/** @param content the record's content hash: with the task_id it makes the id, the same for every delivery */
export async function eventOf(record: CompletedRecord | FailedRecord, content: string): Promise<SnapshotEvent> {
  const { task_id, appid, received_at } = record
  const envelope = {
    specversion: '1.0',
    id: await sha256(JSON.stringify([task_id, content])),
    source: `/zego/${encodeURIComponent(appid.toWellFormed())}`,
    subject: task_id,
    time: received_at,
    datacontenttype: 'application/json',
  } as const
  if (record.status === 'failed') return { ...envelope, type: 'com.zegocloud.snapshot.failed', data: record }

  const type = 'com.zegocloud.snapshot.completed'
  const whole = { ...envelope, type, data: record } as const
  if (isWithin(EVENT_LIMIT_BYTES, JSON.stringify(whole))) return whole
  const { snapshot_pic_list, extra: _extra, ...rest } = record
  const dataref = `/v1/snapshots/${encodeURIComponent(task_id)}`
  return { ...envelope, type, dataref, data: { ...rest, pictures: snapshot_pic_list.length } }
}
