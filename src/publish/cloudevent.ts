/** A finished record as the CloudEvents 1.0 event that consumers get. */
import { bytesOf, isWithin, sha256 } from '../callback/bytes.ts'
import type { SnapshotEvent } from '../event.ts'
import type { Publication } from '../store/outbox.ts'

/** A queue takes 128 KB a message, with some overhead of its own. */
export const EVENT_LIMIT_BYTES = 127_000

/** The id is made of the task_id and the content, so it is the same for every delivery of the same content. */
export async function eventOf({ record, text, content }: Publication): Promise<SnapshotEvent> {
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
  const room = EVENT_LIMIT_BYTES - bytesOf(JSON.stringify({ ...envelope, type, data: null })).length
  if (isWithin(room, text)) return { ...envelope, type, data: record }
  const { snapshot_pic_list, extra: _extra, ...rest } = record
  const dataref = `/v1/snapshots/${encodeURIComponent(task_id)}`
  return { ...envelope, type, dataref, data: { ...rest, pictures: snapshot_pic_list.length } }
}
