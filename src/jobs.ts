/** What goes on without any request: each minute by cron, and further at once where a slice was not all there was. */
import { withDeadline } from './deadline.ts'
import { sweep } from './publish/sweep.ts'
import { bufferHint, INTAKE_DEADLINE_MS, POISON, WAITING, type WorkMessage } from './intake/buffer.ts'
import { drain } from './intake/drain.ts'
import { log, messageOf } from './log.ts'
import { purge } from './purge.ts'
import { type Env, readSettings, retentionDaysOf } from './settings.ts'
import { checkSchema } from './store/schema.ts'
import { type PollWork, isAnyPollDue, pollSlice, WHOLE_RUN } from './zego/poll.ts'

/** What the queue INTAKE carries besides callbacks. */
type Work = WorkMessage | PollWork

/** The free plan has 1,000 lists of KV a day, and a drain takes two. */
const MINUTES_BETWEEN_DRAINS = 10
const MINUTES_BETWEEN_PARKED = 60

/** A chain of slices ends before the next minute begins another. */
const CHAIN_MS = 50_000

/** @param scheduledAt in milliseconds */
export async function everyMinute(env: Env, scheduledAt: number): Promise<void> {
  const until = Date.now() + CHAIN_MS
  const minute = Math.floor(scheduledAt / 60_000)
  const isUp = await succeeds('sweep', async () => {
    await checkSchema(env.DB)
    await work({ kind: 'sweep', until }, env)
  })
  if (!isUp) {
    bufferHint.used = true // when D1 is back, ASIDE may hold something
    return
  }
  if (minute % MINUTES_BETWEEN_DRAINS === 0 || bufferHint.used) {
    bufferHint.used = false
    await succeeds('drain', () => work({ kind: 'drain', until }, env))
  }
  if (minute % MINUTES_BETWEEN_PARKED === 0) await succeeds('parked', () => drain(env, POISON, Date.now()))
  await succeeds('ask', async () => {
    if (await isAnyPollDue(env, Date.now())) await enqueue({ kind: 'ask', until, ...WHOLE_RUN }, env)
  })
  await succeeds('purge', () => purge(env, readSettings(env), minute, Date.now()))
}

export async function continueJobs(messages: readonly Message<Work>[], env: Env): Promise<void> {
  for (const message of messages) {
    await succeeds(message.body.kind, () => work(message.body, env))
    message.ack() // what failed, the next minute begins anew
  }
}

/** Each work stands for itself: one that fails holds none of the others back. */
async function succeeds(name: string, attempt: () => Promise<unknown>): Promise<boolean> {
  try {
    await attempt()
    return true
  } catch (error) {
    log('error', 'work.failed', { work: name, why: messageOf(error) })
    return false
  }
}

/** A slice of a work; if there is more, a message asks for the next one, with an invocation's limits anew. */
async function work(message: Work, env: Env): Promise<void> {
  const now = Date.now()
  const next = await sliceOf(message, env, now)
  if (next && now < message.until) await enqueue(next, env)
}

async function sliceOf(message: Work, env: Env, now: number): Promise<Work | undefined> {
  if (message.kind === 'ask') {
    const run = await pollSlice(env, message, now)
    return run && { ...message, ...run }
  }
  const more =
    message.kind === 'sweep'
      ? await sweep(env, retentionDaysOf(readSettings(env)), now)
      : await drain(env, WAITING, now)
  return more ? message : undefined
}

/** Never throws: without INTAKE, the next minute goes on. */
async function enqueue(message: Work, env: Env): Promise<void> {
  try {
    await withDeadline(env.INTAKE.send(message, { contentType: 'json' }), INTAKE_DEADLINE_MS, 'INTAKE')
  } catch (error) {
    log('warn', 'work.unwished', { work: message.kind, why: messageOf(error) })
  }
}
