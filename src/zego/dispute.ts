/**
 * Two contents for one task: the one whose URLs are those of ZEGOCLOUD's own answer wins.
 *
 * The answer has no offsets and no unknown fields, so it cannot tell two contents with the same URLs apart: of these the
 * stored one stays, unless it came out of an answer itself.
 */
import { unlessRefused } from '../callback/refusal.ts'
import { readVerified } from '../callback/snapshot.ts'
import type { CompletedRecord, SnapshotRecord } from '../event.ts'
import { log } from '../log.ts'
import { forget } from '../publish/forget.ts'
import type { Env } from '../settings.ts'
import type { Dispute } from '../store/disputes.ts'
import type { Publication } from '../store/outbox.ts'
import { mayStoreUnregistered, storeResult } from '../store/pending.ts'
import { findDisputed, type QuarantineEntry, rawOf } from '../store/quarantine.ts'
import { wasDeleted } from '../store/removals.ts'
import { otherRecordOf, replace, type Winner } from '../store/replace.ts'
import { findRecord } from '../store/snapshots.ts'
import { type ApiFailure, isFailure } from './client.ts'
import { areSame } from './confirm.ts'
import type { Answer } from './describe.ts'
import { completedResult, type Task } from './result.ts'

type Finished = Extract<Answer, { status: 'finished' }>

/** How many slices of a task's bodies are compared with ZEGOCLOUD's answer; a signature has at most 16 bodies. */
const MOST_PAGES = 5

/** Asks ZEGOCLOUD about another task. */
export type AskAbout = (task: Task) => Promise<Answer | ApiFailure>

/** Lets the content win that is ZEGOCLOUD's; what is to be published then. Throws when D1 or ZEGOCLOUD fails. */
export async function judge(
  dispute: Dispute,
  answer: Finished,
  askAbout: AskAbout,
  env: Env,
  now: number,
): Promise<Publication | undefined> {
  const { task_id } = dispute
  const row = await findRecord(env.DB, task_id)
  const stored = row && (JSON.parse(row.record) as SnapshotRecord)
  const isRight = stored?.status === 'completed' && isConfirmed(stored, dispute, answer)
  if (isRight && stored.via === 'callback') return undefined
  if (stored === undefined && (await wasDeleted(env.DB, task_id))) return undefined

  const winner = await findWinner(dispute, answer, env.DB)
  if (winner) return letWin(await withoutOthersSignature(winner, askAbout, env.DB), env, now)
  if (isRight) return undefined
  const result = await completedResult(dispute, answer, now)
  if (result === undefined) return undefined
  if (stored?.status === 'completed') return letWin({ ...result, receivedAt: now }, env, now)
  const evenUnregistered = await mayStoreUnregistered(env.DB, task_id)
  return storeResult(env.DB, result, now, evenUnregistered)
}

/** Whether a record is of the app and the vendor that were asked about, with the pictures of ZEGOCLOUD's answer. */
export function isConfirmed(
  record: CompletedRecord,
  { appid, vendor }: Pick<Dispute, 'appid' | 'vendor'>,
  answer: Finished,
): boolean {
  const urls = record.snapshot_pic_list.map(({ url }) => url)
  return record.appid === appid && record.vendor === vendor && areSame(urls, answer.urls)
}

async function findWinner(dispute: Dispute, answer: Finished, db: D1Database): Promise<Winner | undefined> {
  let after = ''
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const entries = await findDisputed(db, dispute.task_id, after)
    for (const entry of entries) {
      const winner = await winnerOf(entry)
      if (winner?.record.task_id === dispute.task_id && isConfirmed(winner.record, dispute, answer)) return winner
    }
    if (entries.length === 0) return undefined
    after = entries.at(-1)!.id
  }
}

async function winnerOf(entry: QuarantineEntry): Promise<(Winner & { record: CompletedRecord }) | undefined> {
  const callback = await unlessRefused(readVerified(rawOf(entry), entry.received_at))
  if (callback === undefined || !('record' in callback.snapshot)) return undefined
  return { ...callback, ...callback.snapshot, entryId: entry.id }
}

/**
 * Whoever has captured a callback can put its signature on a body that ZEGOCLOUD confirms, too. Where it also confirms the
 * record that the signature came with, both are genuine, and the signature stays with the first.
 */
async function withoutOthersSignature(winner: Winner, askAbout: AskAbout, db: D1Database): Promise<Winner> {
  const other = await otherRecordOf(db, winner)
  if (other === undefined) return winner
  const answer = await askAbout(other)
  if (isFailure(answer)) throw new Error(`ZEGOCLOUD says nothing of ${other.task_id}, which has the signature`)
  const isGenuine = answer.status === 'finished' && isConfirmed(other, other, answer)
  const { signature: _, ...unsigned } = winner
  return isGenuine ? unsigned : winner
}

/** Its signature is its own from now on: where a forgery has placed another task with it, that goes. */
async function letWin(winner: Winner, env: Env, now: number): Promise<Publication | undefined> {
  const replacement = await replace(env.DB, winner, now)
  const { task_id, otherTask } = replacement
  log('warn', 'dispute.won', { task_id, entry: winner.entryId, other_task: otherTask })
  if (otherTask !== undefined) await forget(otherTask, env)
  return replacement.status === 'stored' ? replacement.publication : undefined
}
