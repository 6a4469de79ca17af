/**
 * Two contents for one task: the one whose URLs are those of ZEGOCLOUD's own answer wins.
 *
 * The answer has no offsets and no unknown fields, so it cannot tell two contents with the same URLs apart: of these the
 * stored one stays, unless it came out of an answer itself.
 */
import { readVerified } from '../callback/read.ts'
import type { CompletedRecord, SnapshotRecord } from '../event.ts'
import { forgetInKv } from '../publish/forget.ts'
import { log } from '../log.ts'
import type { Env } from '../settings.ts'
import { type Dispute, disputedBodies, type DisputedEntry } from '../store/disputes.ts'
import type { Publication } from '../store/outbox.ts'
import { storeResult } from '../store/pending.ts'
import { rawOf } from '../store/quarantine.ts'
import { otherTaskOf, replace, type Winner } from '../store/replace.ts'
import { findRecord } from '../store/snapshots.ts'
import { areSame } from './compare.ts'
import type { Answer } from './describe.ts'
import { completedResult } from './found.ts'

type Finished = Extract<Answer, { status: 'finished' }>

/** So many bodies of a task are held against ZEGOCLOUD's answer; a signature has at most 16. */
const MOST_PAGES = 5

/** Lets the content win that is ZEGOCLOUD's; what is to be published then. Throws when a store fails. */
export async function judge(
  dispute: Dispute,
  answer: Finished,
  env: Env,
  now: number,
): Promise<Publication | undefined> {
  const { task_id } = dispute
  const row = await findRecord(env.DB, task_id)
  const stored = row && (JSON.parse(row.record) as SnapshotRecord)
  const isRight = stored?.status === 'completed' && isConfirmed(stored, dispute, answer)
  if (isRight && stored.via === 'callback') return undefined

  const winner = await findWinner(dispute, answer, env.DB)
  if (winner) return letWin(winner, env, now)
  if (stored?.status !== 'completed') {
    const found = await completedResult(dispute, answer, now)
    return found && storeResult(env.DB, found, now, true)
  }
  if (!isRight)
    log('error', 'dispute.open', { task_id, why: 'ZEGOCLOUD confirms neither what is stored nor the others' })
}

/** Whether a record is of the app and the vendor that were asked about, with the pictures that ZEGOCLOUD answer of. */
export function isConfirmed(
  record: CompletedRecord,
  { appid, vendor }: Omit<Dispute, 'since'>,
  answer: Finished,
): boolean {
  const urls = record.snapshot_pic_list.map(({ url }) => url)
  return record.appid === appid && record.vendor === vendor && areSame(urls, answer.urls)
}

async function findWinner(dispute: Dispute, answer: Finished, db: D1Database): Promise<Winner | undefined> {
  let after = ''
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const bodies = await disputedBodies(db, dispute.task_id, after)
    for (const exhibited of bodies) {
      const winner = await winnerOf(exhibited)
      if (winner?.record.task_id === dispute.task_id && isConfirmed(winner.record, dispute, answer)) return winner
    }
    if (bodies.length === 0) return undefined
    after = bodies.at(-1)!.id
  }
}

async function winnerOf(entry: DisputedEntry): Promise<Winner | undefined> {
  const callback = await readVerified(rawOf(entry), entry.received_at)
  if ('code' in callback || !('record' in callback.snapshot)) return undefined
  return { ...callback, record: callback.snapshot.record, keptAs: entry.id }
}

/** Its signature is its own from now on: where a forgery has placed another task with it, that goes. */
async function letWin(winner: Winner, env: Env, now: number): Promise<Publication | undefined> {
  const otherTask = await otherTaskOf(env.DB, winner)
  if (otherTask !== undefined) await forgetInKv(env.RESULTS, otherTask)
  const replacement = await replace(env.DB, winner, now)
  log('warn', 'dispute.won', { task_id: replacement.task_id, kept_as: winner.keptAs, other_task: otherTask })
  return replacement.status === 'stored' ? replacement.publication : undefined
}
