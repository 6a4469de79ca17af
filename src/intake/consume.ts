/** INTAKE's consumer: each message stands for itself, and none of them ever ends in nothing. */
import { log, messageOf } from '../log.ts'
import { publish } from '../publish/publish.ts'
import { type Env, readSettings } from '../settings.ts'
import type { Publication } from '../store/outbox.ts'
import { canAskOf } from '../zego/config.ts'
import {
  type BufferedCallback,
  bufferHint,
  isBuffered,
  MOST_REFUSALS,
  POISON,
  putInAside,
  type Settled,
  settleOne,
  WAITING,
} from './buffer.ts'

const FIRST_RETRY_SECONDS = 10
const LONGEST_RETRY_SECONDS = 3_600
/** Then it waits in ASIDE: a free queue forgets after 24 h, and any queue after its last retry. */
const MOST_ATTEMPTS = 10
const LONGEST_STAY_MS = 12 * 3_600_000

/** Settles callbacks in the order in which they were received, and publishes what is stored. */
export async function consumeCallbacks(messages: readonly Message[], env: Env, now: number): Promise<void> {
  const settings = readSettings(env)
  const canAsk = canAskOf(settings)
  const publications: Publication[] = []
  let outage: Settled | undefined
  for (const message of inOrderOfReceipt(messages)) {
    // While D1 is down, the others would only wait for it too.
    const settled = outage ?? (await settleOne(message.body, canAsk, env.DB))
    if (settled.status === 'settled') {
      if (settled.publication) publications.push(settled.publication)
      message.ack()
      continue
    }
    if (settled.status === 'outage') outage = settled
    const { attempts } = message
    log(outage ? 'warn' : 'error', 'intake.unsettled', { attempts, outage: outage !== undefined, why: settled.why })
    await keepWaiting(message, settled.status === 'outage', env, now)
  }
  await publish(publications, env, settings, now)
}

function inOrderOfReceipt(messages: readonly Message[]): Message<BufferedCallback>[] {
  const buffered = messages.filter((message): message is Message<BufferedCallback> => isBuffered(message.body))
  return buffered.toSorted((a, b) => a.body.received_at - b.body.received_at)
}

async function keepWaiting(message: Message<BufferedCallback>, outage: boolean, env: Env, now: number): Promise<void> {
  const { attempts, body } = message
  const isOld = attempts >= MOST_ATTEMPTS || now - body.received_at >= LONGEST_STAY_MS
  const isPoison = !outage && attempts >= MOST_REFUSALS
  const delaySeconds = Math.min(FIRST_RETRY_SECONDS * 2 ** (attempts - 1), LONGEST_RETRY_SECONDS)
  if (!isOld && !isPoison) return message.retry({ delaySeconds })
  await moveToAside(message, isPoison ? POISON : WAITING, env.ASIDE, delaySeconds)
}

/** A message that nobody understands goes where it is counted and shown. */
export async function keepUnreadable(message: Message, env: Env): Promise<void> {
  log('error', 'intake.unreadable', { attempts: message.attempts })
  await moveToAside(message, POISON, env.ASIDE, FIRST_RETRY_SECONDS)
}

async function moveToAside(
  message: Message,
  prefix: typeof WAITING | typeof POISON,
  aside: KVNamespace,
  delaySeconds: number,
): Promise<void> {
  const { body } = message
  try {
    await putInAside(prefix, typeof body === 'object' && body !== null ? body : { unreadable: body }, aside)
    bufferHint.used = true
    message.ack()
  } catch (error) {
    log('error', 'buffer.failed', { store: 'aside', why: messageOf(error) })
    message.retry({ delaySeconds })
  }
}
