/** Events as the example consumer gets them. */
import type { SnapshotEvent } from '../../src/event.ts'

export function completed(task_id: string, urls: string[] = []) {
  const received_at = '2026-11-22T10:00:00.000Z'
  return {
    specversion: '1.0',
    id: `id of ${task_id}`,
    source: '/zego/12345',
    type: 'com.zegocloud.snapshot.completed',
    subject: task_id,
    time: received_at,
    datacontenttype: 'application/json',
    data: {
      task_id,
      status: 'completed',
      appid: '12345',
      vendor: 'tencent',
      snapshot_pic_list: urls.map((url, index) => ({ url, offset: index * 1000 })),
      via: 'callback',
      received_at,
    },
  } satisfies SnapshotEvent
}

export function failed(task_id: string): SnapshotEvent {
  const { data, ...event } = completed(task_id)
  const { appid, vendor, received_at } = data
  const error = { message: 'file does not exist' }
  return {
    ...event,
    type: 'com.zegocloud.snapshot.failed',
    data: { task_id, status: 'failed', appid, vendor, error, received_at },
  }
}

/** As it comes where its pictures are too large for a message. */
export function referred(task_id: string): SnapshotEvent {
  const { data, ...event } = completed(task_id)
  const { snapshot_pic_list: _pictures, ...rest } = data
  return { ...event, dataref: `/v1/snapshots/${encodeURIComponent(task_id)}`, data: { ...rest, pictures: 1 } }
}
