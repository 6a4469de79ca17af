/**
 * What goes on without any request: each minute by cron, and the messages that INTAKE carries.
 *
 * A job does one slice, so that it fits an invocation of the free plan. If there is more, a message asks for the next
 * slice, with an invocation's limits of its own.
 */
import { alert } from './alert.ts'
import { withDeadline } from './deadline.ts'
import { bufferHint, type CallbackMessage, INTAKE_DEADLINE_MS, isBuffered, POISON, WAITING } from './intake/buffer.ts'
import { consumeCallbacks, keepUnreadable } from './intake/consume.ts'
import { drain } from './intake/drain.ts'
import { log, messageOf } from './log.ts'
import { sweepRemovals } from './publish/forget.ts'
import { sweep } from './publish/publish.ts'
import { purges } from './purge.ts'
import { recheck } from './recheck.ts'
import { type Env, limitsOf, readSettings } from './settings.ts'
import type { Lane } from './store/outbox.ts'
import { checkSchema } from './store/schema.ts'
import { isAnyPollDue, pollSlice, type PollRun, WHOLE_RUN } from './zego/poll.ts'

/** The next slice of a job, and until when one follows another, in milliseconds: then the next minute takes over. */
export type Job = { until: number } & (
  | { kind: 'sweep'; lanes: readonly Lane[] }
  | { kind: 'drain'; after: string }
  | ({ kind: 'poll' } & PollRun)
  | { kind: 'removals' }
  | { kind: 'recheck' }
)

/** What the queue INTAKE carries. */
export type IntakeMessage = CallbackMessage | Job

/** The free plan has 1,000 lists of KV a day, and a drain takes two. */
const MINUTES_BETWEEN_DRAINS = 10
const MINUTES_BETWEEN_POISON = 60

/** A chain of slices ends before the next minute begins another. */
const CHAIN_MS = 50_000

/** @param scheduledAt in milliseconds */
export async function everyMinute(env: Env, scheduledAt: number): Promise<void> {
  const settings = readSettings(env)
  const until = Date.now() + CHAIN_MS
  const minute = Math.floor(scheduledAt / 60_000)
  const isSwept = await attempt('sweep', () => runJob({ kind: 'sweep', until, lanes: ['event', 'kv'] }, env))
  if (!isSwept) bufferHint.used = true // D1 may be down: when it is back, ASIDE may hold something
  if (isSwept && (minute % MINUTES_BETWEEN_DRAINS === 0 || bufferHint.used)) {
    bufferHint.used = false
    if (!(await attempt('drain', () => runJob({ kind: 'drain', until, after: '' }, env)))) bufferHint.used = true
  }
  if (minute % MINUTES_BETWEEN_POISON === 0) {
    await attempt('poison', () => drain(env, settings, POISON, '', Date.now()))
  }
  await attempt('poll', async () => {
    if (await isAnyPollDue(env, settings, Date.now())) await enqueue({ kind: 'poll', until, ...WHOLE_RUN }, env)
  })
  await attempt('recheck', () => runJob({ kind: 'recheck', until }, env))
  for (const [name, purge] of Object.entries(purges(env.DB, settings, minute, Date.now()))) await attempt(name, purge)
  await attempt('removals', () => runJob({ kind: 'removals', until }, env))
  await attempt('schema', () => checkSchema(env.DB))
  await attempt('alert', () => alert(env, settings, Date.now()))
}

const KINDS: ReadonlySet<unknown> = new Set<Job['kind']>(['sweep', 'drain', 'poll', 'removals', 'recheck'])

/** All that INTAKE carries. */
export async function consume(messages: readonly Message[], env: Env): Promise<void> {
  await consumeCallbacks(messages, env, Date.now())
  for (const message of messages) {
    if (isBuffered(message.body)) continue
    if (isJob(message.body)) await continueJob(message.body, message, env)
    else await keepUnreadable(message, env)
  }
}

function isJob(body: unknown): body is Job {
  return typeof body === 'object' && body !== null && 'kind' in body && KINDS.has(body.kind)
}

async function continueJob(job: Job, message: Message, env: Env): Promise<void> {
  await attempt(job.kind, () => runJob(job, env))
  message.ack() // what failed, the next minute begins again
}

/** Each job stands for itself: one that fails holds none of the others back. */
async function attempt(name: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    log('error', 'job.failed', { job: name, why: messageOf(error) })
    return false
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
      const more = await drain(env, settings, WAITING, job.after, now)
      return more && { ...job, ...more }
    }
    case 'poll': {
      const run = await pollSlice(env, settings, job, now)
      return run && { ...job, ...run }
    }
    case 'removals':
      return (await sweepRemovals(env, now, limitsOf(settings).removals)) ? job : undefined
    case 'recheck':
      return (await recheck(env, settings, now)) ? job : undefined
  }
}

/** Never throws: without INTAKE, the next minute goes on. */
async function enqueue(job: Job, env: Env): Promise<void> {
  try {
    await withDeadline(env.INTAKE.send(job, { contentType: 'json' }), INTAKE_DEADLINE_MS, 'INTAKE')
  } catch (error) {
    log('warn', 'job.unqueued', { job: job.kind, why: messageOf(error) })
  }
}
