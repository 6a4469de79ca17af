/** A kept callback, through today's code: as authentic, and at its own time. */
import { readVerified, type VerifiedCallback } from './callback/read.ts'
import type { CompletedRecord } from './event.ts'
import { forgetInKv, forgetInKvAgain } from './publish/forget.ts'
import type { Received } from './receive.ts'
import type { Env } from './settings.ts'
import { onDatabase } from './store/database.ts'
import { type QuarantineEntry, rawOf, removeEntry } from './store/quarantine.ts'
import { otherTaskOf, replace, type Winner } from './store/replace.ts'
import { settle } from './store/settle.ts'
import { findRecord } from './store/snapshots.ts'

/** `forgetting` goes on after the answer. */
export type Retried = {
  received: Received | { status: 'quarantined'; id: string; reason: 'replaced' }
  forgetting?: Promise<void>
}

type Stores = Pick<Env, 'DB' | 'RESULTS'>

/**
 * What becomes of it, as of a callback that comes now; gone from the quarantine once it is stored or a duplicate.
 * Throws when a store fails: whoever asks again finishes it.
 * @param wins whether it replaces what is stored, and its signature's other content
 * @param now in milliseconds
 */
export async function retry(kept: QuarantineEntry, wins: boolean, stores: Stores, now: number): Promise<Retried> {
  if (kept.reason === 'replaced') return putBack(kept, wins, stores, now)

  const callback = await readVerified(rawOf(kept), kept.received_at)
  if ('code' in callback) return { received: { status: 'refused', refusal: callback } }
  if (wins && 'record' in callback.snapshot) {
    return win({ ...callback, record: callback.snapshot.record, keptAs: kept.id }, stores, now)
  }
  return settleAgain(kept, callback, stores)
}

async function settleAgain(kept: QuarantineEntry, callback: VerifiedCallback, { DB }: Stores): Promise<Retried> {
  // The ledger may have forgotten the signature by now: it was used all the same.
  const isReused = kept.reason === 'signature_reused' && !(await isInLedger(DB, callback))
  const settlement = isReused ? ({ status: 'signature_reused' } as const) : await settle(DB, callback)
  if (settlement.status === 'signature_reused') {
    return { received: { status: 'refused', refusal: { code: settlement.status } } }
  }
  if (settlement.status !== 'quarantined') await removeEntry(DB, kept.id)
  return { received: settlement }
}

/** A record that lost: it is stored again where nothing else is, or where it is to win. */
async function putBack(kept: QuarantineEntry, wins: boolean, stores: Stores, now: number): Promise<Retried> {
  const record = JSON.parse(kept.body) as CompletedRecord
  const content = kept.id.slice('replaced:'.length)
  const stored = await findRecord(stores.DB, record.task_id)
  if (!wins && stored?.status === 'completed') {
    return { received: { status: 'quarantined', id: kept.id, reason: 'replaced' } }
  }
  const receivedAt = kept.received_at
  return win({ signature: undefined, content, latestClaim: 0, receivedAt, record, keptAs: kept.id }, stores, now)
}

/** KV first: what fails half-way is found again in D1. */
async function win(winner: Winner, { DB, RESULTS }: Stores, now: number): Promise<Retried> {
  const otherTask = await otherTaskOf(DB, winner)
  if (otherTask !== undefined) await forgetInKv(RESULTS, otherTask)
  const received = await replace(DB, winner, now)
  return otherTask === undefined ? { received } : { received, forgetting: forgetInKvAgain(RESULTS, otherTask) }
}

/** Whether the ledger has the signature for this very content. */
async function isInLedger(db: D1Database, { signature, content }: VerifiedCallback): Promise<boolean> {
  const row = await onDatabase(db, () =>
    db.prepare('SELECT 1 FROM ledger WHERE signature = ?1 AND content = ?2').bind(signature, content).first(),
  )
  return row !== null
}
