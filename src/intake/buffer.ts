/**
 * The buffer: verified callbacks that D1 could not take wait in INTAKE, else in ASIDE, until the same `settle` takes them.
 *
 * They are not verified again, since a secret may have been rotated meanwhile; they do pass the ledger.
 */
import { isWithin, rawFromJson, type RawJson, rawToJson } from '../callback/bytes.ts'
import { Refused } from '../callback/refusal.ts'
import { readVerified, type VerifiedCallback } from '../callback/snapshot.ts'
import { withDeadline } from '../deadline.ts'
import type { CompletedRecord } from '../event.ts'
import { log, messageOf } from '../log.ts'
import type { Env } from '../settings.ts'
import { isOutage } from '../store/database.ts'
import type { Publication } from '../store/outbox.ts'
import { settle } from '../store/settle.ts'

/** A callback that was verified and fresh when it was received. */
export type BufferedCallback = RawJson & {
  /** In milliseconds. */
  received_at: number
  /** How often D1 refused it while it waited in ASIDE. */
  refusals?: number
}

export type CallbackMessage = { kind: 'callback' } & BufferedCallback

export type BufferStores = Pick<Env, 'INTAKE' | 'ASIDE'>

/** With D1's own deadline they stay under the 5 s that an answer may take. */
export const INTAKE_DEADLINE_MS = 1_000
export const ASIDE_DEADLINE_MS = 1_000

/** A queue takes 128 KB a message, with some overhead of its own. */
const MESSAGE_LIMIT_BYTES = 127_000

/** Keys sort by time of receipt, and KV lists in the order of keys. */
export const WAITING = 'waiting:'
/** What D1 refuses while it takes others: tried again now and then, counted and shown. The key keeps its first name. */
export const POISON = 'parked:'
/** Then the refusal is about the callback itself. */
export const MOST_REFUSALS = 3

/** Whether this isolate has used ASIDE: a hint, since KV is not listed each minute. */
export const bufferHint = { used: false }

/** ZEGOCLOUD sends a callback six times at most: more under one signature while D1 is down are somebody else's. */
const MOST_A_SIGNATURE = 16
const MOST_SIGNATURES = 10_000
/** How many callbacks of each signature this isolate has put aside. */
const putAsideBySignature = new Map<string, number>()

/** Where the callback is durable now; `undefined` if nothing took it. */
export async function putAside(
  { raw, receivedAt, signature }: Pick<VerifiedCallback, 'raw' | 'receivedAt' | 'signature'>,
  stores: BufferStores,
): Promise<'intake' | 'aside' | undefined> {
  if (!hasRoomFor(signature)) return undefined
  const callback: BufferedCallback = { ...rawToJson(raw), received_at: receivedAt }
  const message: CallbackMessage = { kind: 'callback', ...callback }
  if (isWithin(MESSAGE_LIMIT_BYTES, JSON.stringify(message))) {
    try {
      await withDeadline(stores.INTAKE.send(message, { contentType: 'json' }), INTAKE_DEADLINE_MS, 'INTAKE')
      return 'intake'
    } catch (error) {
      log('error', 'buffer.failed', { store: 'intake', why: messageOf(error) })
    }
  }
  try {
    await putInAside(WAITING, callback, stores.ASIDE)
    bufferHint.used = true
    return 'aside'
  } catch (error) {
    log('error', 'buffer.failed', { store: 'aside', why: messageOf(error) })
    return undefined
  }
}

function hasRoomFor(signature: string): boolean {
  const count = (putAsideBySignature.get(signature) ?? 0) + 1
  if (count > MOST_A_SIGNATURE) return false
  putAsideBySignature.set(signature, count)
  if (putAsideBySignature.size > MOST_SIGNATURES) putAsideBySignature.delete(putAsideBySignature.keys().next().value!)
  return true
}

/** Under a key of its own. Throws when KV does not take it in time. */
export async function putInAside(prefix: typeof WAITING | typeof POISON, value: object, aside: KVNamespace) {
  const received = new Date('received_at' in value ? Number(value.received_at) : Number.NaN)
  const at = Number.isNaN(received.getTime()) ? new Date() : received
  const key = `${prefix}${at.toISOString()}:${crypto.randomUUID()}`
  await withDeadline(aside.put(key, JSON.stringify(value)), ASIDE_DEADLINE_MS, 'ASIDE')
}

/** Whether it can be read as what was put aside. */
export function isBuffered(value: unknown): value is BufferedCallback {
  if (typeof value !== 'object' || value === null) return false
  const { body, body_base64, received_at } = value as Record<string, unknown>
  const isTime = typeof received_at === 'number' && !Number.isNaN(new Date(received_at).getTime())
  return isTime && (typeof body === 'string' || typeof body_base64 === 'string')
}

/** `refused`: D1 is up, and does not take this one. */
export type Settled = { status: 'settled'; publication?: Publication } | { status: 'refused' | 'outage'; why: string }

/** One buffered callback goes through the same `settle` as every other, the ledger first. Never throws. */
export async function settleOne(
  buffered: BufferedCallback,
  canAsk: (record: CompletedRecord) => boolean,
  db: D1Database,
): Promise<Settled> {
  try {
    const callback = await readVerified(rawFromJson(buffered), buffered.received_at)
    const settlement = await settle(db, callback, { acknowledged: true, trusted: true, canAsk })
    const { task_id, appid, receivedAt } = callback
    // It was answered 202: an acknowledged callback that is kept nowhere must not be forgotten.
    if (settlement.status === 'signature_reused' && !settlement.kept)
      return { status: 'refused', why: 'it was not kept' }
    log('info', `callback.${settlement.status}`, { task_id, appid, buffered: true, waited_ms: Date.now() - receivedAt })
    return settlement.status === 'stored'
      ? { status: 'settled', publication: settlement.publication }
      : { status: 'settled' }
  } catch (error) {
    if (error instanceof Refused) {
      return { status: 'refused', why: `it was decoded once, and is not now: ${error.refusal.code}` }
    }
    return { status: (await isOutage(error, db)) ? 'outage' : 'refused', why: messageOf(error) }
  }
}
