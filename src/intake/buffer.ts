/**
 * Verified callbacks that D1 could not take: put aside in INTAKE, else in ASIDE, until the same `settle` takes them.
 *
 * They are not verified again, since a secret may have been rotated meanwhile; they do pass the ledger.
 */
import { bytesOf, isWithin } from '../callback/bytes.ts'
import type { RawBody, VerifiedCallback } from '../callback/read.ts'
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import type { Env } from '../settings.ts'

/** A callback that was verified and fresh when it was received. */
export type BufferedCallback = {
  /** As it was received. */
  body: string
  /** In milliseconds. */
  received_at: number
  /** How often D1 refused it while it waited in ASIDE. */
  refusals?: number
}

/** What the queue INTAKE carries: a callback, or the wish for more of a work, with an invocation's limits anew. */
export type IntakeMessage = CallbackMessage | WorkMessage
export type CallbackMessage = { kind: 'callback' } & BufferedCallback
export type WorkMessage = {
  kind: 'sweep' | 'drain'
  /** Until when one work follows another, in milliseconds: then the next minute's cron takes over. */
  until: number
}

export function rawOf({ body }: BufferedCallback): RawBody {
  return { bytes: bytesOf(body), contentType: null, contentEncoding: null }
}

export function isCallback(message: Message<IntakeMessage>): message is Message<CallbackMessage> {
  return message.body.kind === 'callback'
}

export function isWork(message: Message<IntakeMessage>): message is Message<WorkMessage> {
  return message.body.kind !== 'callback'
}

export type AsideStores = Pick<Env, 'INTAKE' | 'ASIDE'>

/** With D1's own deadline they stay under the 5 s that an answer may take. */
export const INTAKE_DEADLINE_MS = 1_000
export const ASIDE_DEADLINE_MS = 1_000

/** A queue takes 128 KB a message, with some overhead of its own. */
const MESSAGE_LIMIT_BYTES = 127_000

/** Keys sort by time of receipt, and KV lists in the order of keys. */
export const WAITING = 'waiting:'
/** What D1 refuses while it takes others: tried again now and then, counted and shown. */
export const POISON = 'parked:'
/** Then the refusal is about the callback itself. */
export const MOST_REFUSALS = 3

/** Whether this isolate has used ASIDE: a hint, since KV is not listed each minute. */
export const bufferHint = { used: false }

/** Where the callback is durable now; `undefined` if nothing took it. */
export async function putAside(
  { raw, receivedAt }: Pick<VerifiedCallback, 'raw' | 'receivedAt'>,
  stores: AsideStores,
): Promise<'intake' | 'aside' | undefined> {
  const callback: BufferedCallback = { body: new TextDecoder().decode(raw.bytes), received_at: receivedAt }
  const message: IntakeMessage = { kind: 'callback', ...callback }
  if (isWithin(MESSAGE_LIMIT_BYTES, JSON.stringify(message))) {
    try {
      await withDeadline(stores.INTAKE.send(message, { contentType: 'json' }), INTAKE_DEADLINE_MS, 'INTAKE')
      return 'intake'
    } catch (error) {
      log('error', 'aside.failed', { store: 'intake', why: messageOf(error) })
    }
  }
  try {
    await putInKv(WAITING, callback, stores.ASIDE)
    bufferHint.used = true
    return 'aside'
  } catch (error) {
    log('error', 'aside.failed', { store: 'aside', why: messageOf(error) })
    return undefined
  }
}

/**
 * Throws when KV does not take it in time.
 * @param place a prefix, for a key of its own; or the key that it has
 */
export async function putInKv(place: string, callback: BufferedCallback, aside: KVNamespace): Promise<void> {
  const isPrefix = place === WAITING || place === POISON
  const key = isPrefix ? `${place}${new Date(callback.received_at).toISOString()}:${crypto.randomUUID()}` : place
  await withDeadline(aside.put(key, JSON.stringify(callback)), ASIDE_DEADLINE_MS, 'ASIDE')
}
