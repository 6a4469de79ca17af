/**
 * The buffer: verified callbacks that D1 could not take wait in INTAKE, else in ASIDE, until the same `settle` takes them.
 *
 * They are not verified again, since a secret may have been rotated meanwhile; they do pass the ledger.
 */
import { isWithin, rawFromJson, type RawJson, rawToJson } from '../callback/bytes.ts'
import { unlessRefused } from '../callback/refusal.ts'
import { readVerified, type VerifiedCallback } from '../callback/snapshot.ts'
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import { publish } from '../publish/publish.ts'
import type { Env, Settings } from '../settings.ts'
import { isOutage } from '../store/database.ts'
import type { Publication } from '../store/outbox.ts'
import { settle } from '../store/settle.ts'

/** A callback that was verified and fresh when it was received. */
export type BufferedCallback = RawJson & {
  /** In milliseconds. */
  received_at: number
}

export type CallbackMessage = { kind: 'callback' } & BufferedCallback

/** With D1's own deadline they stay under the 5 s that an answer may take. */
export const INTAKE_DEADLINE_MS = 1_000
export const ASIDE_DEADLINE_MS = 1_000

/** A queue takes 128 KB a message, with some overhead of its own. */
const MESSAGE_LIMIT_BYTES = 127_000

/** Keys sort by time of receipt, and KV lists in the order of keys. */
export const WAITING = 'waiting:'
/** What D1 refuses while it takes others: tried again each hour, counted and shown. The key keeps its first name. */
export const POISON = 'parked:'

export type Prefix = typeof WAITING | typeof POISON

/** Where the callback is durable now; `undefined` if nothing took it. */
export async function putAside(
  { raw, receivedAt }: Pick<VerifiedCallback, 'raw' | 'receivedAt'>,
  stores: Pick<Env, 'INTAKE' | 'ASIDE'>,
): Promise<'intake' | 'aside' | undefined> {
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
    return 'aside'
  } catch (error) {
    log('error', 'buffer.failed', { store: 'aside', why: messageOf(error) })
    return undefined
  }
}

/** Under a key of its own. Throws when KV does not take it in time. */
export async function putInAside(prefix: Prefix, value: object, aside: KVNamespace) {
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

/** Whether it asks for work, and holds nothing: perhaps a job that only another version knows. */
export function isJob(value: unknown): value is { kind: string } {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false
  return typeof value.kind === 'string' && value.kind !== 'callback'
}

/**
 * What waits to be settled, wherever it waits, and what each outcome means there. Only `settle` may throw: what D1 throws.
 */
export type Waiting = {
  settle: () => Promise<Settled>
  /** `stored`: it brought a result. */
  settled: (outcome: Settled) => Promise<void>
  /** D1 refuses it while it takes others, or it cannot be settled as it is. */
  refused: () => Promise<void>
  /** D1 is down. */
  postponed: () => Promise<void>
}

export type Settled = { status: 'stored'; publication: Publication } | { status: 'settled' } | { status: 'unsettled' }

/** One callback may itself be what D1 fails at; two in a row tell that D1 is down, and the others would wait as long. */
const OUTAGES_IN_A_ROW = 2

/**
 * Settles what waits, in order, and publishes what is stored; tells whether D1 is down. Words of D1's that are not known
 * and repeat for different callbacks, while none is taken, are an outage.
 */
export async function settleWaiting(
  all: AsyncIterable<Waiting> | Iterable<Waiting>,
  env: Env,
  settings: Settings,
  now: number,
): Promise<boolean> {
  const publications: Publication[] = []
  const failed: { one: Waiting; why: string }[] = []
  let outages = 0
  let isAnySettled = false
  for await (const one of all) {
    const isDown = outages >= OUTAGES_IN_A_ROW
    const outcome: Outcome = isDown ? { status: 'outage', why: 'as before' } : await outcomeOf(one, env.DB)
    outages = outcome.status === 'outage' ? outages + 1 : 0
    if (outcome.status === 'outage') await one.postponed()
    else if (outcome.status === 'failed') failed.push({ one, why: outcome.why })
    else if (outcome.status === 'unsettled') await one.refused()
    else {
      isAnySettled = true
      if (outcome.status === 'stored') publications.push(outcome.publication)
      await one.settled(outcome)
    }
  }
  for (const { one, why } of failed) {
    const repeats = failed.some((other) => other.one !== one && other.why === why)
    await (repeats && !isAnySettled ? one.postponed() : one.refused())
  }
  await publish(publications, env, settings, now)
  return outages >= OUTAGES_IN_A_ROW
}

/** `failed`: D1 is up, and does not take this one. */
type Outcome = Settled | { status: 'failed'; why: string } | { status: 'outage'; why: string }

async function outcomeOf(one: Waiting, db: D1Database): Promise<Outcome> {
  try {
    return await one.settle()
  } catch (error) {
    const status = (await isOutage(error, db)) ? 'outage' : 'failed'
    const outcome = { status, why: messageOf(error) } as const
    log('warn', 'callback.unsettled', outcome)
    return outcome
  }
}

/** A buffered callback goes through the same `settle` as every other, the ledger first. Throws when D1 does not take it. */
export async function settleBuffered(buffered: BufferedCallback, db: D1Database): Promise<Settled> {
  const { received_at } = buffered
  const callback = await unlessRefused(readVerified(rawFromJson(buffered), received_at))
  if (callback === undefined) {
    log('error', 'buffer.unreadable', { received_at })
    return { status: 'unsettled' }
  }
  const settlement = await settle(db, callback, { acknowledged: true, trusted: true })
  const { task_id, appid } = callback
  log('info', `callback.${settlement.status}`, { task_id, appid, buffered: true, waited_ms: Date.now() - received_at })
  return settlement.status === 'stored' ? settlement : { status: 'settled' }
}
