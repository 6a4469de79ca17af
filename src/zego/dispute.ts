/**
 * What ZEGOCLOUD's answer decides about a task: of two contents, the one whose URLs are those of its answer wins; where it
 * confirms none, its answer is stored.
 *
 * The answer has no offsets and no unknown fields, so it cannot tell two contents with the same URLs apart: of these the
 * stored one stays, unless it came out of an answer itself.
 */
import { sha256 } from '../callback/bytes.ts'
import { type Content, inOrder, jsonOf } from '../callback/content.ts'
import { unlessRefused } from '../callback/refusal.ts'
import { readSnapshot, readVerified } from '../callback/snapshot.ts'
import type { CompletedRecord, FailedRecord, PendingRecord, SnapshotRecord } from '../event.ts'
import { log } from '../log.ts'
import type { Env } from '../settings.ts'
import type { Publication } from '../store/outbox.ts'
import { type DuePoll, type Result, storeResult } from '../store/pending.ts'
import { findDisputed, type QuarantineEntry, rawOf } from '../store/quarantine.ts'
import { wasDeleted } from '../store/removals.ts'
import { otherRecordOf, replace, type Winner } from '../store/replace.ts'
import { findRecord } from '../store/snapshots.ts'
import { type ApiFailure, isFailure } from './client.ts'
import { areSame } from './confirm.ts'
import type { Answer } from './describe.ts'

type Task = Pick<DuePoll, 'task_id' | 'appid' | 'vendor'>
type Finished = Extract<Answer, { status: 'finished' }>

/** Asks ZEGOCLOUD about a task. */
export type Ask = (task: Task) => Promise<Answer | ApiFailure>

/** How many slices of a task's bodies are compared with ZEGOCLOUD's answer; a signature has at most 16 bodies. */
const MOST_PAGES = 5

const GIVE_UP_MS = 86_400_000

/** Stores what follows from an answer; what is to be published then, or why ZEGOCLOUD told too little. */
export async function decide(
  poll: DuePoll,
  answer: Answer,
  ask: Ask,
  env: Env,
  now: number,
): Promise<Publication | ApiFailure | undefined> {
  if (answer.status === 'unfinished') return undefined
  const row = await findRecord(env.DB, poll.task_id)
  const stored = row && (JSON.parse(row.record) as SnapshotRecord)
  if (answer.status === 'finished') return decideBetween(poll, stored, answer, ask, env, now)
  if (stored?.status !== 'pending' || !isOf(stored, poll)) return undefined
  const message = failureOf(stored, answer, now)
  return message === undefined ? undefined : storeResult(env.DB, await failedResult(stored, message, now), now)
}

async function decideBetween(
  poll: DuePoll,
  stored: SnapshotRecord | undefined,
  answer: Finished,
  ask: Ask,
  env: Env,
  now: number,
): Promise<Publication | ApiFailure | undefined> {
  const isCompleted = stored?.status === 'completed'
  if (isCompleted && poll.table === 'snapshots') return undefined // its callback has come meanwhile
  const isRight = isCompleted && isConfirmed(stored, poll, answer)
  if (isRight && stored.via === 'callback') return undefined
  if (stored === undefined && (await wasDeleted(env.DB, poll.task_id))) return undefined

  // A registered task's disputes have turns of their own.
  const winner = poll.table === 'quarantine' ? await findWinner(poll, answer, env.DB) : undefined
  if (winner) {
    const signed = await withoutOthersSignature(winner, ask, env.DB)
    return isFailure(signed) ? signed : letWin(signed, env, now)
  }
  const result = isRight || stored === undefined ? undefined : await completedResult(poll, answer, now)
  if (result === undefined) return undefined
  return isCompleted ? letWin({ ...result, receivedAt: now }, env, now) : storeResult(env.DB, result, now)
}

function isOf(record: SnapshotRecord, { appid, vendor }: Pick<Task, 'appid' | 'vendor'>): boolean {
  return record.appid === appid && record.vendor === vendor
}

/** Whether a record is of the app and the vendor that were asked about, with the pictures of ZEGOCLOUD's answer. */
function isConfirmed(record: CompletedRecord, task: Pick<Task, 'appid' | 'vendor'>, answer: Finished): boolean {
  const urls = record.snapshot_pic_list.map(({ url }) => url)
  return isOf(record, task) && areSame(urls, answer.urls)
}

async function findWinner(task: Task, answer: Finished, db: D1Database): Promise<Winner | undefined> {
  let after = ''
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const entries = await findDisputed(db, task.task_id, after)
    for (const entry of entries) {
      const winner = await winnerOf(entry)
      if (winner?.record.task_id === task.task_id && isConfirmed(winner.record, task, answer)) return winner
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
async function withoutOthersSignature(winner: Winner, ask: Ask, db: D1Database): Promise<Winner | ApiFailure> {
  const other = await otherRecordOf(db, winner)
  if (other === undefined) return winner
  const answer = await ask(other)
  if (isFailure(answer)) return answer
  const isGenuine = answer.status === 'finished' && isConfirmed(other, other, answer)
  const { signature: _, ...unsigned } = winner
  return isGenuine ? unsigned : winner
}

/** Its signature is its own from now on: where a forgery has placed another task with it, that goes. */
async function letWin(winner: Winner, env: Env, now: number): Promise<Publication | undefined> {
  const replacement = await replace(env.DB, winner, now)
  log('warn', 'dispute.won', { task_id: replacement.task_id, entry: winner.entryId })
  return replacement.status === 'stored' ? replacement.publication : undefined
}

/** What the callback would have said, except offsets; `undefined` for what a record cannot hold, such as 2 MB of URLs. */
async function completedResult(task: Task, { urls, fileId }: Finished, now: number): Promise<Result | undefined> {
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

/** Why a task has failed; `undefined` while it may be that ZEGOCLOUD does not know of it yet. */
function failureOf(
  { registered_at }: PendingRecord,
  { status, message }: Extract<Answer, { message: string }>,
  now: number,
): string | undefined {
  if (status === 'failed') return message
  const isLost = now - Date.parse(registered_at) >= GIVE_UP_MS
  return isLost ? `${message}, 24 hours after it was registered` : undefined
}

async function failedResult({ ...task }: PendingRecord, message: string, now: number): Promise<Result> {
  const { task_id, appid, vendor, registered_at } = task
  const error = { message }
  const received_at = new Date(now).toISOString()
  const record: FailedRecord = { task_id, status: 'failed', appid, vendor, registered_at, error, received_at }
  const content = await sha256(JSON.stringify(inOrder({ task_id, appid, vendor, error })))
  return { record, text: JSON.stringify(record), content }
}
