/**
 * Two contents for one task: the one whose URLs are those of ZEGOCLOUD's own answer wins.
 *
 * The answer has no offsets and no unknown fields, so it cannot tell two contents with the same URLs apart: of these the
 * stored one stays, unless it came out of an answer itself.
 */
import { decode } from '../callback/decode.ts'
import { deliveryOf } from '../callback/delivery.ts'
import type { CompletedRecord, SnapshotRecord } from '../event.ts'
import { forgetInKv } from '../forward/forget.ts'
import { log } from '../log.ts'
import type { Env } from '../settings.ts'
import { type Dispute, disputedBodies, type Exhibited } from '../store/disputes.ts'
import type { Publication } from '../store/outbox.ts'
import { storeFound } from '../store/pending.ts'
import { otherTaskOf, replace, type Winner } from '../store/replace.ts'
import { findRecord } from '../store/snapshots.ts'
import { areSame } from './compare.ts'
import type { Told } from './describe.ts'
import { foundCompleted } from './found.ts'

type Finished = Extract<Told, { status: 'finished' }>

/** So many bodies of a task are held against ZEGOCLOUD's answer; a signature has at most 16. */
const MOST_PAGES = 5

/** Lets the content win that is ZEGOCLOUD's; what is to be published then. Throws when a store fails. */
export async function judge(dispute: Dispute, told: Finished, env: Env, now: number): Promise<Publication | undefined> {
  const { task_id } = dispute
  const row = await findRecord(env.DB, task_id)
  const stored = row && (JSON.parse(row.record) as SnapshotRecord)
  const isRight = stored?.status === 'completed' && isConfirmed(stored, dispute, told)
  if (isRight && stored.via === 'callback') return undefined

  const winner = await findWinner(dispute, told, env.DB)
  if (winner) return letWin(winner, env, now)
  if (stored?.status !== 'completed') {
    const found = await foundCompleted(dispute, told, now)
    return found && storeFound(env.DB, found, now, true)
  }
  if (!isRight)
    log('error', 'dispute.open', { task_id, why: 'ZEGOCLOUD confirms neither what is stored nor the others' })
}

/** Whether a record is of the app and the vendor that were asked about, with the pictures that ZEGOCLOUD told of. */
export function isConfirmed(
  record: CompletedRecord,
  { appid, vendor }: Omit<Dispute, 'since'>,
  told: Finished,
): boolean {
  const urls = record.snapshot_pic_list.map(({ url }) => url)
  return record.appid === appid && record.vendor === vendor && areSame(urls, told.urls)
}

async function findWinner(dispute: Dispute, told: Finished, db: D1Database): Promise<Winner | undefined> {
  let after = ''
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const bodies = await disputedBodies(db, dispute.task_id, after)
    for (const exhibited of bodies) {
      const winner = await winnerOf(exhibited)
      if (winner?.record.task_id === dispute.task_id && isConfirmed(winner.record, dispute, told)) return winner
    }
    if (bodies.length === 0) return undefined
    after = bodies.at(-1)!.id
  }
}

async function winnerOf({ id, received_at, body }: Exhibited): Promise<Winner | undefined> {
  const decoded = decode(body)
  if ('code' in decoded) return undefined
  const delivery = await deliveryOf(body, decoded.fields, received_at)
  return 'record' in delivery.said ? { ...delivery, record: delivery.said.record, keptAs: id } : undefined
}

/** Its signature is its own from now on: where a forgery has placed another task with it, that goes. */
async function letWin(winner: Winner, env: Env, now: number): Promise<Publication | undefined> {
  const otherTask = await otherTaskOf(env.DB, winner)
  if (otherTask !== undefined) await forgetInKv(env.RESULTS, otherTask)
  const replacement = await replace(env.DB, winner, now)
  log('warn', 'dispute.won', { task_id: replacement.task_id, kept_as: winner.keptAs, other_task: otherTask })
  return replacement.status === 'stored' ? replacement.publication : undefined
}
