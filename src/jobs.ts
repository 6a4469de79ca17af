/**
 * What goes on without any request. Cron asks what is due, and invocations work: one kind works in the minute itself, and
 * each other one goes to INTAKE as a message, so that it has an invocation's limits of its own.
 *
 * A job does one slice, so that it fits an invocation of the free plan. If there is more, a message asks for the next
 * slice. Whoever works claims first: what an invocation took and died with is due again later, and holds up nothing else.
 */
import { alert } from './alert.ts'
import { withDeadline } from './deadline.ts'
import {
  type BufferedCallback,
  type CallbackMessage,
  INTAKE_DEADLINE_MS,
  isBuffered,
  isJob,
  POISON,
  WAITING,
} from './intake/buffer.ts'
import { beginDrain, drain, type DrainRun, keepUnreadable, settleMessages } from './intake/drain.ts'
import { log, messageOf } from './log.ts'
import { sweepRemovals } from './publish/forget.ts'
import { sweep } from './publish/publish.ts'
import { lookAgain } from './quarantine/retry.ts'
import { type Env, isFault, limitsOf, readSettings, type Settings, versionOf } from './settings.ts'
import { type Due, findDue } from './store/due.ts'
import type { Lane } from './store/outbox.ts'
import { purges } from './store/purge.ts'
import { completeSchema } from './store/schema.ts'
import { zegoConfig } from './zego/parameters.ts'
import { pollSlice, type PollRun, WHOLE_RUN } from './zego/poll.ts'

/** The next slice of a job, and until when one follows another, in milliseconds: then cron asks again. */
type Job = { until: number } & (
  | { kind: 'sweep'; lanes: readonly Lane[] }
  | ({ kind: 'drain' } & DrainRun)
  | ({ kind: 'poll' } & PollRun)
  | { kind: 'purge'; minute: number }
  | { kind: 'removals' | 'again' | 'schema' }
)

/** What the queue INTAKE carries. */
export type IntakeMessage = CallbackMessage | Job

const MS_A_MINUTE = 60_000
/** The free plan has 1,000 lists of KV a day: these are 504. */
const MINUTES_BETWEEN_DRAINS = 3
const MINUTES_BETWEEN_POISON = 60
/** A chain of slices ends before cron begins another. */
const SPARE_MS = 10_000

/**
 * The alert comes first, so that no backlog silences it. One kind works in the minute itself, each minute another one:
 * so every kind has its turns where INTAKE takes no message, and one that cannot be done all day uses up none of the
 * messages that the free plan has.
 * @param scheduledAt in milliseconds
 */
export async function everyMinute(env: Env, scheduledAt: number): Promise<void> {
  const settings = readSettings(env)
  const minute = Math.floor(scheduledAt / MS_A_MINUTE)
  await attempt('alert', () => alert(env, settings, Date.now()))
  await attempt('due', async () => {
    const jobs = await dueJobs(env, settings, minute, Date.now())
    const own = jobs[minute % Math.max(jobs.length, 1)]
    for (const job of jobs.filter((one) => one !== own)) if (!(await enqueue(job, env))) break
    if (own) await attempt(own.kind, () => runJob(own, env))
  })
}

async function dueJobs(env: Env, settings: Settings, minute: number, now: number): Promise<Job[]> {
  const config = zegoConfig(settings)
  const appids = isFault(config) ? [] : [...config.secrets.keys()]
  const due = await findDue(env.DB, { settings, appids, version: versionOf(env), minute }, now)
  const until = now + MS_A_MINUTE - SPARE_MS
  const jobs: Job[] = await drainsOf(env, due, minute, now)
  if (due.schema) jobs.push({ kind: 'schema', until })
  if (due.event || due.kv) jobs.push({ kind: 'sweep', until, lanes: ['event', 'kv'] })
  if (due.poll) jobs.push({ kind: 'poll', until, ...WHOLE_RUN })
  if (due.removals) jobs.push({ kind: 'removals', until })
  if (due.again) jobs.push({ kind: 'again', until })
  if (due.purge) jobs.push({ kind: 'purge', until, minute })
  return jobs
}

/** ASIDE is listed here, and not by the job: most of the time there is nothing in it. */
async function drainsOf({ ASIDE }: Env, { aside }: Due, minute: number, now: number): Promise<Job[]> {
  const kinds = [
    { prefix: WAITING, minutes: MINUTES_BETWEEN_DRAINS, noted: aside.waiting },
    { prefix: POISON, minutes: MINUTES_BETWEEN_POISON, noted: aside.poison },
  ] as const
  const jobs: Job[] = []
  for (const { prefix, minutes, noted } of kinds.filter((kind) => minute % kind.minutes === 0)) {
    await attempt('list', async () => {
      const run = await beginDrain(prefix, ASIDE)
      const until = now + minutes * MS_A_MINUTE - SPARE_MS
      if (run.keys.length > 0 || noted > 0) jobs.push({ kind: 'drain', until, ...run })
    })
  }
  return jobs
}

/**
 * All that INTAKE carries. Callbacks go first; without any, one job works, so that it has the invocation for itself. The
 * other messages come again at once.
 */
export async function consume(messages: readonly Message[], env: Env): Promise<void> {
  const now = Date.now()
  const callbacks = messages.filter((message): message is Message<BufferedCallback> => isBuffered(message.body))
  if (callbacks.length > 0) await settleMessages(callbacks, env, readSettings(env), now)
  let isTaken = callbacks.length > 0
  for (const message of messages) {
    const { body } = message
    if (isBuffered(body)) continue
    if (!isJob(body)) await keepUnreadable(message, env, now)
    else if ('until' in body && now >= Number(body.until)) message.ack()
    else if (isTaken) message.retry()
    else {
      isTaken = true
      await attempt(body.kind, () => runJob(body as Job, env))
      message.ack() // what failed, the next minute begins again
    }
  }
}

/** Each job stands for itself: one that fails holds none of the others back. */
async function attempt(name: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    log('error', 'job.failed', { job: name, why: messageOf(error) })
  }
}

async function runJob(job: Job, env: Env): Promise<void> {
  const now = Date.now()
  const next = await nextSlice(job, env, now)
  if (next && now < job.until) await enqueue(next, env)
}

/** Does one slice; what is to follow it, if anything. */
async function nextSlice(job: Job, env: Env, now: number): Promise<Job | undefined> {
  const settings = readSettings(env)
  switch (job.kind) {
    case 'sweep': {
      const lanes = await sweep(env, job.lanes, now)
      return lanes.length > 0 ? { ...job, lanes } : undefined
    }
    case 'drain': {
      const run = await drain(job, env, settings, now)
      return run && { ...job, ...run }
    }
    case 'poll': {
      const run = await pollSlice(env, settings, job, now)
      return run && { ...job, ...run }
    }
    case 'purge': {
      const parts = Object.entries(purges(env.DB, settings, job.minute, now))
      for (const [name, purge] of parts) await attempt(name, purge)
      return undefined
    }
    case 'removals':
      return (await sweepRemovals(env, now, limitsOf(settings).removals)) ? job : undefined
    case 'again':
      return (await lookAgain(env, settings, now)) ? job : undefined
    case 'schema':
      await completeSchema(env.DB)
      return undefined
    default:
      // A job that only another version knows: its cron asks for it again.
      log('warn', 'job.unknown', { kind: (job satisfies never as { kind: string }).kind.slice(0, 64) })
      return undefined
  }
}

/** Whether INTAKE took it. Never throws. */
async function enqueue(job: Job, env: Env): Promise<boolean> {
  try {
    await withDeadline(env.INTAKE.send(job, { contentType: 'json' }), INTAKE_DEADLINE_MS, 'INTAKE')
    return true
  } catch (error) {
    log('warn', 'job.unqueued', { job: job.kind, why: messageOf(error) })
    return false
  }
}
