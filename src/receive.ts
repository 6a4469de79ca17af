/** One callback from bytes to outcome, a step a line. The first step that refuses ends it. */
import { decode } from './callback/decode.ts'
import { checkFreshness, latestClaim } from './callback/freshness.ts'
import { answerOf, type Rejection } from './callback/rejection.ts'
import { envelopeOf, type Secrets, verify } from './callback/signature.ts'
import { contentOf, hashOf, readSnapshot } from './callback/snapshot.ts'
import { log, messageOf } from './log.ts'
import type { Publication } from './store/outbox.ts'
import { type Exhibit, exhibitId, type Reason } from './store/quarantine.ts'
import { type Delivery, settle } from './store/settle.ts'

/** What became of a callback. `publication` and `exhibit` are to be dealt with after the answer. */
export type Received =
  | { status: 'stored'; task_id: string; publication: Publication }
  | { status: 'duplicate'; task_id: string }
  | { status: 'quarantined'; id: string; reason: Reason }
  | { status: 'refused'; rejection: Rejection; exhibit?: Exhibit }

/** What a callback is held against. */
export type Rules = { secrets: Secrets; toleranceSeconds: number }

/** @param now in milliseconds */
export async function receive(body: Uint8Array, rules: Rules, now: number, db: D1Database): Promise<Received> {
  const text = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(body)
  const decoded = decode(text)
  if ('code' in decoded) return { status: 'refused', rejection: decoded }

  const envelope = envelopeOf(decoded.fields)
  const forged = await verify(envelope, rules.secrets)
  if (forged?.code === 'bad_signature') return { status: 'refused', rejection: forged }

  const content = contentOf(decoded.fields)
  const kept = {
    signature: envelope.signature,
    content: await hashOf(content),
    task_id: typeof content.task_id === 'string' ? content.task_id.slice(0, 512) : undefined,
    receivedAt: now,
    body: text,
  }
  const fresh = forged ?? checkFreshness(envelope.timestamp, now, rules.toleranceSeconds)
  if ('code' in fresh) {
    return {
      status: 'refused',
      rejection: fresh,
      exhibit: { ...kept, reason: fresh.code, detail: answerOf(fresh).detail },
    }
  }

  const said = readSnapshot(content, fresh.signedAt, now)
  return settled({ ...kept, said, latestClaim: latestClaim(envelope.timestamp, envelope.nonce) }, db)
}

async function settled(delivery: Delivery, db: D1Database): Promise<Received> {
  const { content, receivedAt, said } = delivery
  try {
    const outcome = await settle(db, delivery)
    if (outcome === 'signature_reused') return { status: 'refused', rejection: { code: outcome } }
    if ('reason' in said) return quarantined(said.reason, content)
    const { record } = said
    const { task_id } = record
    if (outcome === 'conflict') return quarantined(outcome, content)
    if (outcome !== 'stored') return { status: 'duplicate', task_id }
    return {
      status: 'stored',
      task_id,
      publication: { task_id, content, record, since: receivedAt, kv: true, event: true },
    }
  } catch (error) {
    log('error', 'callback.failed', { store: 'd1', why: messageOf(error) })
    return { status: 'refused', rejection: { code: 'storage_unavailable' } }
  }
}

function quarantined(reason: Reason, content: string): Received {
  return { status: 'quarantined', id: exhibitId({ reason, content }), reason }
}
