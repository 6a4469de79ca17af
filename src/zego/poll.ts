/**
 * Asks ZEGOCLOUD about tasks whose callback is overdue, and about disputed ones: a slice at a time.
 *
 * Whoever takes a task moves its due time, so a poll that dies halfway has lost a turn and nothing else.
 */
import { log, messageOf } from '../log.ts'
import { publish } from '../publish/publish.ts'
import { type Env, isFault, type Settings } from '../settings.ts'
import type { Publication } from '../store/outbox.ts'
import { closeDisputes, type DuePoll, giveBack, takeDuePolls } from '../store/pending.ts'
import { type ApiFailure, callerFor, isFailure } from './client.ts'
import { type Answer, describe } from './describe.ts'
import { type Ask, decide } from './dispute.ts'
import { vendorOf, type ZegoConfig, zegoConfig } from './parameters.ts'

/** How far a run may still go. */
export type PollRun = {
  /** How many more tasks; a run has 40. */
  left: number
  /** The apps that ZEGOCLOUD did not answer for: they are left alone until the next run. */
  without: readonly string[]
}

export const WHOLE_RUN: PollRun = { left: 40, without: [] }

/** The free plan has 50 subrequests and 50 queries an invocation: a registered task takes up to 8, a dispute up to 30. */
const SLICES = { snapshots: 4, quarantine: 1 } as const

/** Disputes go first, for the first quarter of a run: a flood of them holds no registered task back. */
const FOR_REGISTERED_ALONE = 30

/** One slice; how the run may go on, or `undefined` if it has ended. */
export async function pollSlice(env: Env, settings: Settings, run: PollRun, now: number): Promise<PollRun | undefined> {
  const config = zegoConfig(settings)
  if (isFault(config) || run.left <= 0) return undefined
  const appids = [...config.secrets.keys()].filter((appid) => !run.without.includes(appid))
  const polls = await takeSlice(env.DB, appids, run.left, now)
  if (polls.length === 0) return undefined

  const publications: Publication[] = []
  const silent = new Set<string>()
  const unasked: DuePoll[] = []
  for (const poll of polls) {
    // The app that got no answer would hardly get one for its next question.
    const outcome = silent.has(poll.appid) ? 'unasked' : await settle(poll, config, env, now)
    if (outcome === 'unasked') unasked.push(poll)
    if (outcome === 'unasked' || outcome === 'silent') silent.add(poll.appid)
    if (typeof outcome === 'object') publications.push(outcome)
  }
  await giveBack(env.DB, unasked, now)
  await publish(publications, env, settings, now)
  if (appids.every((appid) => silent.has(appid))) return undefined
  return { left: run.left - polls.length, without: [...run.without, ...silent] }
}

async function takeSlice(db: D1Database, appids: readonly string[], left: number, now: number): Promise<DuePoll[]> {
  const take = (table: keyof typeof SLICES) => takeDuePolls(db, table, appids, now, Math.min(SLICES[table], left))
  const disputes = left > FOR_REGISTERED_ALONE ? await take('quarantine') : []
  return disputes.length > 0 ? disputes : take('snapshots')
}

/** What is to be published of it, or why there is nothing. What goes wrong with one task holds no other one back. */
async function settle(
  poll: DuePoll,
  config: ZegoConfig,
  env: Env,
  now: number,
): Promise<Publication | 'nothing' | 'silent' | 'unasked'> {
  const { task_id, appid } = poll
  const ask: Ask = (task) => askAbout(task, config, env.DB)
  try {
    const answer = await ask(poll)
    if (isFailure(answer)) return noteFailure(poll, answer)
    log('info', 'zego.answer', { task_id, appid, status: answer.status })
    const decision = await decide(poll, answer, ask, env, now)
    if (decision && isFailure(decision)) return noteFailure(poll, decision)
    const isDecided = poll.table === 'quarantine' && answer.status !== 'unfinished'
    if (isDecided) await closeDisputes(env.DB, poll, now)
    return decision ?? 'nothing'
  } catch (error) {
    log('error', 'zego.unsettled', { task_id, appid, why: messageOf(error) })
    return 'nothing'
  }
}

async function askAbout(
  { task_id, appid, vendor }: Parameters<Ask>[0],
  config: ZegoConfig,
  db: D1Database,
): Promise<Answer | ApiFailure> {
  const caller = callerFor(config, appid, db)
  const known = vendorOf(vendor)
  if (caller && known) return describe(caller, task_id, known)
  return { status: 'unknown', message: `ZEGOCLOUD cannot be asked about the vendor ${JSON.stringify(vendor)}` }
}

/** A question that was not put costs the task no gap. */
function noteFailure({ task_id, appid }: DuePoll, { code, ...facts }: ApiFailure): 'silent' | 'unasked' {
  log(code === 'zego_error' ? 'error' : 'warn', `poll.${code}`, { task_id, appid, ...facts })
  return code === 'too_frequent' ? 'unasked' : 'silent'
}
