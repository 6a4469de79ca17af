/** One callback from bytes to outcome, a step a line. The first step that refuses ends it. */
import type { RawBody } from './callback/bytes.ts'
import { decode, type Decoded } from './callback/decode.ts'
import { type Refusal, Refused } from './callback/refusal.ts'
import { checkFreshness, type Secrets, verify } from './callback/signature.ts'
import { readCallback, type VerifiedCallback } from './callback/snapshot.ts'
import type { CompletedRecord } from './event.ts'
import { putAside } from './intake/buffer.ts'
import { log, messageOf } from './log.ts'
import type { Env } from './settings.ts'
import { type Settlement, settle } from './store/settle.ts'

/** What became of a callback. A `publication`, or what was refused, is dealt with after the answer. */
export type Received =
  | Exclude<Settlement, { status: 'signature_reused' | 'stale' }>
  | { status: 'accepted'; task_id: string | undefined; store: 'intake' | 'aside' }
  | RefusedCallback

/** What was decoded, for the log. */
export type Outcome = Received & { decoded?: Decoded | undefined }

/** `decoded` as far as it could be read. */
export type RefusedCallback = { status: 'refused'; refusal: Refusal; decoded?: Decoded | undefined }

/** What a callback is checked against. */
export type Rules = {
  secrets: Secrets
  toleranceSeconds: number
  /** Whether ZEGOCLOUD can be asked about a record, should other content come for its task. */
  canAsk?: (record: CompletedRecord) => boolean
}

export type Stores = Pick<Env, 'DB' | 'INTAKE' | 'ASIDE'>

/** @param now when it was received, in milliseconds */
export async function receive(raw: RawBody, rules: Rules, now: number, stores: Stores): Promise<Outcome> {
  const admitted = await admit(raw, rules, now)
  if ('refusal' in admitted) return admitted
  const { callback, decoded } = admitted
  try {
    return { ...receivedAs(await settle(stores.DB, callback, rules), callback), decoded }
  } catch (error) {
    log('error', 'callback.unsettled', { task_id: callback.task_id, why: messageOf(error) })
  }
  const store = await putAside(callback, stores)
  if (store) return { status: 'accepted', task_id: callback.task_id, store, decoded }
  return { status: 'refused', refusal: { code: 'storage_unavailable' }, decoded }
}

/** A callback that is verified and fresh, or why it is not. Nothing but its envelope is looked at before it is. */
export async function admit(
  raw: RawBody,
  { secrets, toleranceSeconds }: Omit<Rules, 'canAsk'>,
  now: number,
): Promise<{ callback: VerifiedCallback; decoded: Decoded } | RefusedCallback> {
  let decoded: Decoded | undefined
  try {
    decoded = await decode(raw)
    await verify(decoded.envelope, secrets)
    checkFreshness(decoded.envelope.timestamp, now, toleranceSeconds)
    return { callback: await readCallback(decoded, now), decoded }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { status: 'refused', refusal: error.refusal, decoded }
  }
}

/** What settling means for whoever sent the callback. */
export function receivedAs(
  settlement: Settlement,
  { signedAt = 0, receivedAt }: VerifiedCallback,
  decoded?: Decoded,
): Received {
  switch (settlement.status) {
    case 'signature_reused':
      return { status: 'refused', refusal: { code: settlement.status } }
    case 'stale': {
      const ageSeconds = Math.round((receivedAt - signedAt) / 1000)
      return { status: 'refused', refusal: { code: settlement.status, ageSeconds }, decoded }
    }
    default:
      return settlement
  }
}
