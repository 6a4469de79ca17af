/**
 * Asks ZEGOCLOUD about tasks whose callback is overdue, and about disputed ones: a slice at a time.
 *
 * Whoever takes a task moves its due time, so a poll that dies halfway has lost a turn and nothing else.
 */
import { log, messageOf } from '../log.ts'
import { publish } from '../publish/publish.ts'
import { type Env, isFault, type Settings } from '../settings.ts'
import { closeDispute, type Dispute, takeDisputes } from '../store/disputes.ts'
import type { Publication } from '../store/outbox.ts'
import { type DuePoll, giveBack, type Result, storeResult, takeDuePolls } from '../store/pending.ts'
import { type ApiFailure, callerFor, isFailure } from './client.ts'
import { type Answer, describe } from './describe.ts'
import { judge } from './dispute.ts'
import { vendorOf, type ZegoConfig, zegoConfig } from './parameters.ts'
import { completedResult, failedResult } from './result.ts'

/** How far a run may still go. */
export type PollRun = {
  /** How many more slices and questions; a run has 40 questions. */
  left: number
  /** The apps that ZEGOCLOUD did not answer for: they are left alone until the next run. */
  without: readonly string[]
}

export const WHOLE_RUN: PollRun = { left: 40, without: [] }

/**
 * An invocation of the free plan has 50 subrequests and 50 queries. A task takes up to six (slot, question, two
 * statements, and three to publish it); a dispute up to thirty.
 */
const SLICE = 5
const DISPUTE_SLICE = 1

/** Disputes go first, for the first quarter of a run: a flood of them holds no task back. */
const FOR_TASKS_ALONE = 30

const GIVE_UP_MS = 86_400_000

/** Something to ask about, and what to do with the answer. */
type Question = {
  subject: { task_id: string; appid: string; vendor: string }
  settle: (answer: Answer) => Promise<Publication | undefined>
}

/** One slice; how the run may go on, or `undefined` if it has ended. */
export async function pollSlice(env: Env, settings: Settings, run: PollRun, now: number): Promise<PollRun | undefined> {
  const config = zegoConfig(settings)
  if (isFault(config) || run.left <= 0) return undefined
  const appids = [...config.secrets.keys()].filter((appid) => !run.without.includes(appid))
  const questions = await takeQuestions(env, config, appids, run.left, now)
  if (questions.length === 0) return undefined

  const publications: Publication[] = []
  const silent = new Set<string>()
  const unasked: string[] = []
  for (const { subject, settle } of questions) {
    const { task_id, appid } = subject
    // The app that got no answer would hardly get one for its next question.
    const outcome = silent.has(appid) ? 'unasked' : await ask(subject, settle, config, env.DB)
    if (outcome === 'unasked' || outcome === 'too frequent') unasked.push(task_id)
    if (outcome === 'too frequent' || outcome === 'silent') silent.add(appid)
    if (typeof outcome === 'object') publications.push(outcome)
  }
  await giveBack(env.DB, unasked, now)
  await publish(publications, env, settings, now)
  return { left: run.left - questions.length, without: [...run.without, ...silent] }
}

async function takeQuestions(
  env: Env,
  config: ZegoConfig,
  appids: readonly string[],
  left: number,
  now: number,
): Promise<Question[]> {
  const disputes = left > FOR_TASKS_ALONE ? await takeDisputes(env.DB, appids, now, DISPUTE_SLICE) : []
  if (disputes.length > 0) {
    return disputes.map((dispute) => ({
      subject: dispute,
      settle: (answer) => settleDispute(dispute, answer, config, env, now),
    }))
  }
  const tasks = await takeDuePolls(env.DB, appids, now, Math.min(SLICE, left))
  return tasks.map((task) => ({ subject: task.record, settle: (answer) => settleTask(task, answer, env, now) }))
}

/** What is to be published of it, or why there is nothing. What goes wrong with one question holds no other one back. */
async function ask(
  subject: Question['subject'],
  settle: Question['settle'],
  config: ZegoConfig,
  db: D1Database,
): Promise<Publication | 'nothing' | 'silent' | 'too frequent'> {
  const { task_id, appid } = subject
  try {
    const answer = await describeTask(subject, config, db)
    if (isFailure(answer)) return noteFailure(task_id, appid, answer)
    log('info', 'zego.answer', { task_id, appid, status: answer.status })
    return (await settle(answer)) ?? 'nothing'
  } catch (error) {
    log('error', 'zego.unsettled', { task_id, appid, why: messageOf(error) })
    return 'nothing'
  }
}

async function describeTask({ task_id, appid, vendor }: Question['subject'], config: ZegoConfig, db: D1Database) {
  const caller = callerFor(config, appid, db)
  const known = vendorOf(vendor)
  return caller && known ? describe(caller, task_id, known) : unknownVendor(vendor)
}

function unknownVendor(vendor: string): Answer {
  return { status: 'unknown', message: `ZEGOCLOUD cannot be asked about the vendor ${JSON.stringify(vendor)}` }
}

/** A question that was not put costs the task no gap. */
function noteFailure(task_id: string, appid: string, { code, ...facts }: ApiFailure): 'silent' | 'too frequent' {
  log(code === 'zego_error' ? 'error' : 'warn', `poll.${code}`, { task_id, appid, ...facts })
  return code === 'too_frequent' ? 'too frequent' : 'silent'
}

async function settleTask({ record }: DuePoll, answer: Answer, env: Env, now: number) {
  const result = await resultOf(record, answer, now)
  return result && storeResult(env.DB, result, now)
}

async function settleDispute(dispute: Dispute, answer: Answer, config: ZegoConfig, env: Env, now: number) {
  if (answer.status === 'unfinished') return undefined
  const askAbout = (task: Question['subject']) => describeTask(task, config, env.DB)
  const publication = answer.status === 'finished' ? await judge(dispute, answer, askAbout, env, now) : undefined
  await closeDispute(env.DB, dispute, now)
  return publication
}

/** What comes of ZEGOCLOUD's answer for a pending task; `undefined` while nothing does. */
async function resultOf(record: DuePoll['record'], answer: Answer, now: number): Promise<Result | undefined> {
  switch (answer.status) {
    case 'finished':
      return completedResult(record, answer, now)
    case 'failed':
      return failedResult(record, answer.message, now)
    case 'unknown':
      if (now - Date.parse(record.registered_at) < GIVE_UP_MS) return undefined
      return failedResult(record, `${answer.message}, 24 hours after it was registered`, now)
    case 'unfinished':
      return undefined
  }
}
