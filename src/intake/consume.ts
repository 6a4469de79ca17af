/** INTAKE's consumer: each message stands for itself, and none of them ever ends in nothing. */
import { publish } from '../publish/publish.ts'
import { log, messageOf } from '../log.ts'
import { type Env, readSettings, retentionDaysOf } from '../settings.ts'
import { isOutage } from '../store/database.ts'
import type { Publication } from '../store/outbox.ts'
import { type CallbackMessage, MOST_REFUSALS, POISON, putInKv, WAITING } from './buffer.ts'
import { settleBuffered } from './settle-aside.ts'

const FIRST_RETRY_SECONDS = 10
const LONGEST_RETRY_SECONDS = 3_600
/** Then it waits in ASIDE: a free queue forgets after 24 h, and any queue after its last retry. */
const MOST_ATTEMPTS = 10
const LONGEST_STAY_MS = 12 * 3_600_000

/** Settles the callbacks in the order in which they were received, and publishes what is stored. */
export async function consumeCallbacks(
  messages: readonly Message<CallbackMessage>[],
  env: Env,
  now: number,
): Promise<void> {
  const publications: Publication[] = []
  let outage: Error | undefined
  for (const message of messages.toSorted((a, b) => a.body.received_at - b.body.received_at)) {
    try {
      if (outage) throw outage // the others would only wait for it too
      const publication = await settleBuffered(message.body, env.DB)
      if (publication) publications.push(publication)
      message.ack()
    } catch (error) {
      outage ??= (await isOutage(error, env.DB)) ? new Error('D1 is down', { cause: error }) : undefined
      log(outage ? 'warn' : 'error', 'intake.unsettled', { attempts: message.attempts, why: messageOf(error) })
      await keepWaiting(message, outage !== undefined, env, now)
    }
  }
  await publish(publications, env, retentionDaysOf(readSettings(env)), now)
}

async function keepWaiting(message: Message<CallbackMessage>, outage: boolean, env: Env, now: number): Promise<void> {
  const { attempts, body } = message
  const isOld = attempts >= MOST_ATTEMPTS || now - body.received_at >= LONGEST_STAY_MS
  const isRefused = !outage && attempts >= MOST_REFUSALS
  const delaySeconds = Math.min(FIRST_RETRY_SECONDS * 2 ** (attempts - 1), LONGEST_RETRY_SECONDS)
  if (!isOld && !isRefused) return message.retry({ delaySeconds })
  try {
    const { kind: _, ...callback } = body
    await putInKv(isRefused ? POISON : WAITING, callback, env.ASIDE)
    message.ack()
  } catch (failure) {
    log('error', 'aside.failed', { store: 'aside', why: messageOf(failure) })
    message.retry({ delaySeconds })
  }
}
