/** One callback from bytes to outcome, a step a line. The first step that refuses ends it. */
import { decode } from './callback/decode.ts'
import { deliveryOf } from './callback/delivery.ts'
import { checkFreshness } from './callback/freshness.ts'
import { answerOf, type Rejection } from './callback/rejection.ts'
import { envelopeOf, type Secrets, verify } from './callback/signature.ts'
import { putAside } from './intake/aside.ts'
import { log, messageOf } from './log.ts'
import type { Env } from './settings.ts'
import type { Exhibit } from './store/quarantine.ts'
import { type Settlement, settle } from './store/settle.ts'

/** What became of a callback. A `publication` or an `exhibit` is to be dealt with after the answer. */
export type Received =
  | Exclude<Settlement, { status: 'signature_reused' }>
  | { status: 'accepted'; task_id: string | undefined; store: 'intake' | 'aside' }
  | { status: 'refused'; rejection: Rejection; exhibit?: Exhibit }

/** What a callback is held against. */
export type Rules = { secrets: Secrets; toleranceSeconds: number }

export type Stores = Pick<Env, 'DB' | 'INTAKE' | 'ASIDE'>

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

/** @param now in milliseconds */
export async function receive(bytes: Uint8Array, rules: Rules, now: number, stores: Stores): Promise<Received> {
  const body = decoder.decode(bytes)
  const decoded = decode(body)
  if ('code' in decoded) return { status: 'refused', rejection: decoded }

  const envelope = envelopeOf(decoded.fields)
  const forged = await verify(envelope, rules.secrets)
  if (forged?.code === 'bad_signature') return { status: 'refused', rejection: forged }

  const delivery = await deliveryOf(body, decoded.fields, now)
  const unwelcome = forged ?? checkFreshness(envelope.timestamp, now, rules.toleranceSeconds)
  if (unwelcome) {
    const exhibit = { ...delivery, reason: unwelcome.code, detail: answerOf(unwelcome).detail }
    return { status: 'refused', rejection: unwelcome, exhibit }
  }

  try {
    const settlement = await settle(stores.DB, delivery)
    if (settlement.status !== 'signature_reused') return settlement
    return { status: 'refused', rejection: { code: settlement.status } }
  } catch (error) {
    log('error', 'callback.unsettled', { task_id: delivery.task_id, why: messageOf(error) })
  }
  const store = await putAside({ body, received_at: now }, stores)
  if (store) return { status: 'accepted', task_id: delivery.task_id, store }
  return { status: 'refused', rejection: { code: 'storage_unavailable' } }
}
