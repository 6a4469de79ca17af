/** Asks ZEGOCLOUD whether what is stored is its own. Nothing is changed by it. */
import type { SnapshotRecord } from '../event.ts'
import { areSame } from './compare.ts'
import { type Caller, isRefusal, type Refusal } from './client.ts'
import { describe, type Told } from './describe.ts'
import type { Vendor } from './vendor.ts'

/** `null` while there is nothing on both sides to be compared. */
export type Confirmation =
  | { confirmed: true }
  | { confirmed: false; stored: string[]; zegocloud: string[] }
  | { confirmed: null }

/** Asked once more where nothing readable came back: a question changes nothing. */
export async function confirm(caller: Caller, record: SnapshotRecord, vendor: Vendor): Promise<Confirmation | Refusal> {
  const first = await describe(caller, record.task_id, vendor)
  const isSilent = isRefusal(first) && first.code === 'zego_unknown'
  const told = isSilent ? await describe(caller, record.task_id, vendor) : first
  return isRefusal(told) ? told : compare(record, told)
}

function compare(record: SnapshotRecord, told: Told): Confirmation {
  if (record.status === 'pending' || told.status === 'unfinished') return { confirmed: null }
  if (record.status === 'failed' && told.status === 'failed') return { confirmed: true }
  const stored = record.status === 'completed' ? record.snapshot_pic_list.map(({ url }) => url) : []
  const zegocloud = told.status === 'finished' ? told.urls : []
  const isSame = record.status === 'completed' && told.status === 'finished' && areSame(stored, zegocloud)
  return isSame ? { confirmed: true } : { confirmed: false, stored, zegocloud }
}
