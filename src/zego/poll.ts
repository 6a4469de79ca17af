/**
 * Asks ZEGOCLOUD about tasks whose callback is overdue, and about disputed ones: a slice at a time.
 *
 * Whoever takes a task moves its due time, so a sweep that dies halfway has lost a turn and nothing else.
 */
import { publish } from '../publish/publish.ts'
import { log, messageOf } from '../log.ts'
import { type Env, isFault, readSettings, retentionDaysOf } from '../settings.ts'
import { closeDispute, type Dispute, takeDisputes } from '../store/disputes.ts'
import type { Publication } from '../store/outbox.ts'
import { type Result, giveBack, isPollDue, type DuePoll, storeResult, takeDuePolls } from '../store/pending.ts'
import { callerFor, isFailure, type ApiFailure } from './client.ts'
import { describe, type Answer } from './describe.ts'
import { judge } from './dispute.ts'
import { completedResult, failedResult } from './found.ts'
import { zegoConfig, type ZegoConfig } from './section.ts'
import { vendorOf } from './vendor.ts'

/** How far a run may still go. */
export type Run = {
  /** How many more questions; a run has 40. */
  left: number
  /** The apps that ZEGOCLOUD did not answer for: they are left alone until the next run. */
  without: readonly string[]
}

/** The wish for a slice, with an invocation's limits anew. */
export type PollWork = { kind: 'ask'; until: number } & Run

export const WHOLE_RUN: Run = { left: 40, without: [] }

/**
 * An invocation of the free plan has 50 subrequests and 50 queries. A task takes up to six (turn, question, two
 * statements, and three to publish it); a dispute up to fifteen.
 */
const SLICE = 6
const DISPUTE_SLICE = 2

/** Disputes go first, for the first quarter of a run: a flood of them holds no task back. */
const FOR_TASKS_ALONE = 30

const GIVE_UP_MS = 86_400_000

export async function isAnyPollDue(env: Env, now: number): Promise<boolean> {
  const section = zegoConfig(env)
  return !isFault(section) && isPollDue(env.DB, [...section.secrets.keys()], now)
}

/** One slice; how the run may go on, or `undefined` if it has ended. */
export async function pollSlice(env: Env, run: Run, now: number): Promise<Run | undefined> {
  const section = zegoConfig(env)
  if (isFault(section) || run.left <= 0) return undefined
  const slice = new Slice(env, section, now)
  const appids = [...section.secrets.keys()].filter((appid) => !run.without.includes(appid))

  const disputes = run.left > FOR_TASKS_ALONE ? await takeDisputes(env.DB, appids, now, DISPUTE_SLICE) : []
  for (const dispute of disputes) await slice.ask(dispute, (answer) => slice.settleDispute(dispute, answer))

  const tasks = disputes.length > 0 ? [] : await takeDuePolls(env.DB, appids, now, Math.min(SLICE, run.left))
  for (const task of tasks) await slice.ask(task.record, (answer) => slice.settleTask(task, answer))

  await slice.end()
  const taken = disputes.length + tasks.length
  if (taken === 0) return undefined
  return { left: run.left - slice.asked, without: [...run.without, ...slice.silent] }
}

type Subject = { task_id: string; appid: string; vendor: string }

class Slice {
  asked = 0
  /** The apps that got no answer: the next question would hardly get one. */
  silent = new Set<string>()
  #unasked: string[] = []
  #publications: Publication[] = []
  #env: Env
  #section: ZegoConfig
  #now: number

  constructor(env: Env, section: ZegoConfig, now: number) {
    this.#env = env
    this.#section = section
    this.#now = now
  }

  /** What goes wrong with one subject is logged, and holds no other one back. */
  async ask(subject: Subject, settle: (answer: Answer) => Promise<Publication | undefined>): Promise<void> {
    const { task_id, appid } = subject
    if (this.silent.has(appid)) return void this.#unasked.push(task_id)
    try {
      const answer = await this.#describe(subject)
      if (isFailure(answer)) return this.#refused(subject, answer)
      log('info', 'zego.answer', { task_id, status: answer.status })
      const publication = await settle(answer)
      if (publication) this.#publications.push(publication)
    } catch (error) {
      log('error', 'zego.unsettled', { task_id, why: messageOf(error) })
    }
  }

  async settleTask({ record }: DuePoll, answer: Answer): Promise<Publication | undefined> {
    const found = await resultOf(record, answer, this.#now)
    return found && storeResult(this.#env.DB, found, this.#now)
  }

  async settleDispute(dispute: Dispute, answer: Answer): Promise<Publication | undefined> {
    if (answer.status === 'unfinished') return undefined
    const publication = answer.status === 'finished' ? await judge(dispute, answer, this.#env, this.#now) : undefined
    await closeDispute(this.#env.DB, dispute)
    return publication
  }

  async end(): Promise<void> {
    await giveBack(this.#env.DB, this.#unasked, this.#now)
    if (this.#publications.length === 0) return
    await publish(this.#publications, this.#env, retentionDaysOf(readSettings(this.#env)), this.#now)
  }

  async #describe({ task_id, appid, vendor }: Subject): Promise<Answer | ApiFailure> {
    const caller = callerFor(this.#section, appid, this.#env.DB)
    const known = vendorOf(vendor)
    if (caller === undefined || known === undefined) {
      return { status: 'unknown', message: `ZEGOCLOUD cannot be asked about the vendor ${JSON.stringify(vendor)}` }
    }
    this.asked += 1
    return describe(caller, task_id, known)
  }

  #refused({ task_id, appid }: Subject, refusal: ApiFailure): void {
    this.silent.add(appid)
    // A question that was not put costs the task no gap.
    if (refusal.code === 'too_frequent') this.#unasked.push(task_id)
    const { code, ...facts } = refusal
    log(code === 'zego_error' ? 'error' : 'warn', `sweep.${code}`, { task_id, appid, ...facts })
  }
}

/** What ZEGOCLOUD's answer makes of a pending task; `undefined` while it makes nothing of it. */
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
