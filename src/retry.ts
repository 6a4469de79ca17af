/** An entry of the quarantine through today's code, at its own time: as authentic if it was verified once. */
import { decode, type Decoded } from './callback/decode.ts'
import { Refused } from './callback/refusal.ts'
import { readCallback, type VerifiedCallback } from './callback/snapshot.ts'
import type { CompletedRecord } from './event.ts'
import { admit, type Received, receivedAs, type Rules } from './receive.ts'
import type { SettingFault } from './settings.ts'
import { type QuarantineEntry, rawOf, removeEntry, UNVERIFIED_REASONS } from './store/quarantine.ts'
import { ledgerReachesBack } from './store/purge.ts'
import { replace, type Winner } from './store/replace.ts'
import { enterAgain, isInLedger, settle } from './store/settle.ts'
import { findRecord } from './store/snapshots.ts'

/** `otherTask` lost its record: its value has to leave KV. */
export type Retried = {
  received: Received | { status: 'quarantined'; id: string; reason: 'replaced' }
  otherTask?: string | undefined
}

/** Whoever never was verified is checked by the rules of today, or by none while a setting is missing. */
export type RetryRules = Rules | SettingFault

const UNVERIFIED: ReadonlySet<string> = new Set(UNVERIFIED_REASONS)

/**
 * What becomes of it, as of a callback that comes now; gone from the quarantine once it is stored or a duplicate.
 * Throws when D1 fails: whoever asks again finishes it.
 * @param wins whether it replaces what is stored, and its signature's other content
 * @param now in milliseconds
 */
export async function retry(
  entry: QuarantineEntry,
  wins: boolean,
  rules: RetryRules,
  db: D1Database,
  now: number,
): Promise<Retried> {
  if (entry.reason === 'replaced') return putBack(entry, wins, db, now)
  const admitted = UNVERIFIED.has(entry.reason) ? await admitNow(entry, rules) : await readAgain(entry)
  if ('refusal' in admitted) return { received: admitted }
  const { callback, decoded } = admitted
  if (wins && 'record' in callback.snapshot)
    return win({ ...callback, ...callback.snapshot, entryId: entry.id }, db, now)
  return { received: await settleAgain(entry, callback, decoded, rules, db, now) }
}

type Admitted = Awaited<ReturnType<typeof admit>>

async function admitNow(entry: QuarantineEntry, rules: RetryRules): Promise<Admitted> {
  if ('setting' in rules) return { status: 'refused', refusal: { code: 'not_configured', ...rules } }
  return admit(rawOf(entry), rules, entry.received_at)
}

async function readAgain(entry: QuarantineEntry): Promise<Admitted> {
  try {
    const decoded = await decode(rawOf(entry))
    return { decoded, callback: await readCallback(decoded, entry.received_at) }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { status: 'refused', refusal: error.refusal }
  }
}

async function settleAgain(
  entry: QuarantineEntry,
  callback: VerifiedCallback,
  decoded: Decoded,
  rules: RetryRules,
  db: D1Database,
  now: number,
): Promise<Received> {
  const { id, reason } = entry
  const wasVerified = !UNVERIFIED.has(reason)
  // A version that reads the same bytes as other content must not take that for another content.
  if (wasVerified) await enterAgain(db, callback, id.slice(`${reason}:`.length))
  // The ledger may have forgotten the signature by now: it was used all the same.
  if (reason === 'signature_reused' && !(await isInLedger(db, callback))) {
    return { status: 'refused', refusal: { code: 'signature_reused' } }
  }
  const canAsk = 'canAsk' in rules ? rules.canAsk : undefined
  // Had it been used by then, the ledger would have it: it forgets no signature that an entry has.
  const wouldBeInLedger =
    entry.signature === callback.signature && ledgerReachesBack(callback.signedAt, entry.received_at)
  const trusted = wasVerified || wouldBeInLedger
  const settlement = await settle(db, callback, { now, trusted, ...(canAsk && { canAsk }) })
  const isDone = settlement.status === 'stored' || settlement.status === 'duplicate'
  if (isDone || (settlement.status === 'quarantined' && settlement.id !== id)) await removeEntry(db, id)
  return receivedAs(settlement, callback, decoded)
}

/** A record that lost: it is stored again where nothing else is, or where it is to win. */
async function putBack(entry: QuarantineEntry, wins: boolean, db: D1Database, now: number): Promise<Retried> {
  const text = new TextDecoder().decode(entry.body)
  const record = JSON.parse(text) as CompletedRecord
  const { id, received_at: receivedAt } = entry
  const stored = await findRecord(db, record.task_id)
  if (!wins && stored?.status === 'completed') return { received: { status: 'quarantined', id, reason: 'replaced' } }
  return win({ content: id.slice('replaced:'.length), receivedAt, record, text, entryId: id }, db, now)
}

async function win(winner: Winner, db: D1Database, now: number): Promise<Retried> {
  const { otherTask, ...received } = await replace(db, winner, now)
  return { received, otherTask }
}
