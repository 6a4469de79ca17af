/** One callback from bytes to outcome, a step a line. The first step that refuses ends it. */
import { decodeBody, type RawBody, readCallback } from './callback/read.ts'
import { describeRefusal, type Refusal } from './callback/refusal.ts'
import { checkFreshness, type Secrets, verify } from './callback/signature.ts'
import { putAside } from './intake/buffer.ts'
import { log, messageOf } from './log.ts'
import type { Env } from './settings.ts'
import type { NewEntry } from './store/quarantine.ts'
import { type Settlement, settle } from './store/settle.ts'

/** What became of a callback. A `publication` or an `entry` is to be dealt with after the answer. */
export type Received =
  | Exclude<Settlement, { status: 'signature_reused' }>
  | { status: 'accepted'; task_id: string | undefined; store: 'intake' | 'aside' }
  | { status: 'refused'; refusal: Refusal; entry?: NewEntry }

/** What a callback is held against. */
export type Rules = { secrets: Secrets; toleranceSeconds: number }

export type Stores = Pick<Env, 'DB' | 'INTAKE' | 'ASIDE'>

/** @param now in milliseconds */
export async function receive(raw: RawBody, rules: Rules, now: number, stores: Stores): Promise<Received> {
  const decoded = await decodeBody(raw)
  if ('code' in decoded) return { status: 'refused', refusal: decoded }

  const { envelope } = decoded
  const forged = await verify(envelope, rules.secrets)
  if (forged?.code === 'bad_signature') return { status: 'refused', refusal: forged }

  const callback = await readCallback(decoded, now)
  const unwelcome = forged ?? checkFreshness(envelope.timestamp, now, rules.toleranceSeconds)
  if (unwelcome) {
    const entry = { ...callback, reason: unwelcome.code, detail: describeRefusal(unwelcome).detail }
    return { status: 'refused', refusal: unwelcome, entry }
  }

  try {
    const settlement = await settle(stores.DB, callback)
    if (settlement.status !== 'signature_reused') return settlement
    return { status: 'refused', refusal: { code: settlement.status } }
  } catch (error) {
    log('error', 'callback.unsettled', { task_id: callback.task_id, why: messageOf(error) })
  }
  const store = await putAside(callback, stores)
  if (store) return { status: 'accepted', task_id: callback.task_id, store }
  return { status: 'refused', refusal: { code: 'storage_unavailable' } }
}
