/** Asks ZEGOCLOUD whether what is stored is its own. Nothing is changed by it. */
import type { SnapshotRecord } from '../event.ts'
import { type Caller, isFailure, type ApiFailure } from './client.ts'
import { describe, type Answer } from './describe.ts'
import type { Vendor } from './parameters.ts'

/** `null` where there is nothing on both sides to be compared; `unknown`: ZEGOCLOUD does not know the task, or no longer. */
export type Confirmation =
  | { confirmed: true }
  | { confirmed: false; stored: string[]; zegocloud: string[] }
  | { confirmed: null; reason?: 'unknown' }

/** Asked once more where nothing readable came back: a question changes nothing. */
export async function confirm(
  caller: Caller,
  record: SnapshotRecord,
  vendor: Vendor,
): Promise<Confirmation | ApiFailure> {
  const first = await describe(caller, record.task_id, vendor)
  const isSilent = isFailure(first) && first.code === 'zego_unknown'
  const answer = isSilent ? await describe(caller, record.task_id, vendor) : first
  return isFailure(answer) ? answer : compare(record, answer)
}

function compare(record: SnapshotRecord, answer: Answer): Confirmation {
  if (record.status === 'pending' || answer.status === 'unfinished') return { confirmed: null }
  if (answer.status === 'unknown') return { confirmed: null, reason: 'unknown' }
  if (record.status === 'failed' && answer.status === 'failed') return { confirmed: true }
  const stored = record.status === 'completed' ? record.snapshot_pic_list.map(({ url }) => url) : []
  const zegocloud = answer.status === 'finished' ? answer.urls : []
  const isRight = record.status === 'completed' && answer.status === 'finished' && areSame(stored, zegocloud)
  return isRight ? { confirmed: true } : { confirmed: false, stored, zegocloud }
}

/** Whether a content's pictures are those of ZEGOCLOUD's answer: the same URLs, in the same order. */
export function areSame(stored: readonly string[], zegocloud: readonly string[]): boolean {
  return stored.length === zegocloud.length && stored.every((url, at) => isSame(url, zegocloud[at]!))
}

/** Huawei's answer has names relative to a bucket (`record/a/0.jpg`): they are the end of the URL's path. */
function isSame(url: string, answer: string): boolean {
  if (url === answer) return true
  if (isAbsolute(answer)) return isAbsolute(url) ? false : endsWith(answer, url)
  return isAbsolute(url) && endsWith(url, answer)
}

function isAbsolute(url: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(url)
}

function endsWith(url: string, name: string): boolean {
  const end = `/${name.replace(/^\/+/, '')}`
  if (end === '/') return false
  const path = URL.canParse(url) ? new URL(url).pathname : ''
  return path.endsWith(end) || path.endsWith(URL.canParse(end, url) ? new URL(end, url).pathname : end)
}
