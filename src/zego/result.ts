/** ZEGOCLOUD's answer as a record: what the callback would have said, except offsets, which the answer lacks. */
import { sha256 } from '../callback/bytes.ts'
import { type Content, inOrder, jsonOf } from '../callback/content.ts'
import { readSnapshot } from '../callback/snapshot.ts'
import type { FailedRecord, PendingRecord } from '../event.ts'
import type { Result } from '../store/pending.ts'
import type { Answer } from './describe.ts'

export type Task = { task_id: string; appid: string; vendor: string }

/** `undefined` for what a record cannot hold, such as two megabytes of URLs. */
export async function completedResult(
  task: Task,
  { urls, fileId }: Extract<Answer, { status: 'finished' }>,
  now: number,
): Promise<Result | undefined> {
  const { task_id, appid, vendor } = task
  const snapshot_pic_list = urls.map((url) => ({ url }))
  const field_id = vendor === 'tencent' ? fileId : undefined
  const fields = { event: 'snapshot', appid, task_id, vendor, field_id, snapshot_pic_list, extra: undefined }
  const content: Content = inOrder(fields)
  const json = jsonOf(content)
  const read = readSnapshot(content, json, undefined, now)
  if ('reason' in read) return undefined
  const record = { ...read.record, via: 'query' } as const
  return { record, text: JSON.stringify(record), content: await sha256(json.bytes) }
}

export async function failedResult({ ...task }: PendingRecord, message: string, now: number): Promise<Result> {
  const { task_id, appid, vendor, registered_at } = task
  const error = { message }
  const received_at = new Date(now).toISOString()
  const record: FailedRecord = { task_id, status: 'failed', appid, vendor, registered_at, error, received_at }
  const content = await sha256(JSON.stringify(inOrder({ task_id, appid, vendor, error })))
  return { record, text: JSON.stringify(record), content }
}
