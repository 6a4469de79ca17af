/** What goes on without any request: each minute by cron, and further at once where a slice was not all there was. */
import { sweep } from './forward/sweep.ts'
import { asideHint, PARKED, WAITING, type WorkMessage } from './intake/aside.ts'
import { drain } from './intake/drain.ts'
import { log, messageOf } from './log.ts'
import { type Env, readSettings, retentionDaysOf } from './settings.ts'
import { checkSchema } from './store/schema.ts'

/** The free plan has 1,000 lists of KV a day, and a drain takes two. */
const MINUTES_BETWEEN_DRAINS = 10
const MINUTES_BETWEEN_PARKED = 60

/** A chain of slices ends before the next minute begins another. */
const CHAIN_MS = 50_000

/** @param scheduledAt in milliseconds */
export async function everyMinute(env: Env, scheduledAt: number): Promise<void> {
  const until = Date.now() + CHAIN_MS
  const minute = Math.floor(scheduledAt / 60_000)
  try {
    await checkSchema(env.DB)
    await work({ kind: 'sweep', until }, env)
    if (minute % MINUTES_BETWEEN_DRAINS === 0 || asideHint.used) {
      asideHint.used = false
      await work({ kind: 'drain', until }, env)
    }
    if (minute % MINUTES_BETWEEN_PARKED === 0) await drain(env, PARKED, Date.now())
  } catch (error) {
    asideHint.used = true // D1 fails: when it is back, ASIDE may hold something
    log('error', 'minute.failed', { why: messageOf(error) })
  }
}

export async function goOn(messages: readonly Message<WorkMessage>[], env: Env): Promise<void> {
  for (const message of messages) {
    try {
      await work(message.body, env)
    } catch (error) {
      log('error', 'work.failed', { work: message.body.kind, why: messageOf(error) })
    }
    message.ack() // what failed, the next minute begins anew
  }
}

/** A slice of a work; if there is more, a message asks for the next one, with an invocation's limits anew. */
async function work(message: WorkMessage, env: Env): Promise<void> {
  const now = Date.now()
  const more =
    message.kind === 'sweep'
      ? await sweep(env, retentionDaysOf(readSettings(env)), now)
      : await drain(env, WAITING, now)
  if (more && now < message.until) await env.INTAKE.send(message, { contentType: 'json' })
}
