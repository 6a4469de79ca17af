/** A second look at an entry of the quarantine, at its own time: an operator's, or a newer version's. */
import type { CompletedRecord } from '../event.ts'
import { settleWaiting, type Settled, type Waiting } from '../intake/buffer.ts'
import { log } from '../log.ts'
import { admit, type Admitted, type Received, receivedAs, type Rules } from '../receive.ts'
import { type Env, limitsOf, type Settings, versionOf } from '../settings.ts'
import {
  claimLook,
  findEntry,
  isUnverified,
  type Look,
  noteRefusedAgain,
  type QuarantineEntry,
  rawOf,
  type Reason,
  removeEntries,
} from '../store/quarantine.ts'
import { ledgerReachesBack } from '../store/purge.ts'
import { replace } from '../store/replace.ts'
import { enterAgain, settle } from '../store/settle.ts'
import { findRecord } from '../store/snapshots.ts'
import { type Accepted, noteAccepted } from '../store/state.ts'

export type Retried = Received | { status: 'quarantined'; id: string; reason: 'replaced' }

/**
 * An operator's retry: what becomes of the entry, as of a callback that comes now; gone from the quarantine once it is
 * stored or a duplicate. Throws when D1 fails: whoever asks again finishes it.
 * @param wins whether it replaces what is stored, and its signature's other content
 * @param now in milliseconds
 */
export async function retry(
  entry: QuarantineEntry,
  wins: boolean,
  rules: Rules,
  db: D1Database,
  now: number,
): Promise<Retried> {
  if (entry.reason === 'replaced') return putBack(entry, wins, db, now)
  const admitted = await admitByHand(entry, rules)
  if ('refusal' in admitted) return admitted
  const { callback } = admitted
  if (wins && 'record' in callback.snapshot)
    return replace(db, { ...callback, ...callback.snapshot, entryId: entry.id }, now)
  return settleAgain(entry, admitted, db, now)
}

/** As an operator's retry reads it: the operator answers for the path. */
export function admitByHand(entry: QuarantineEntry, rules: Rules): ReturnType<typeof admit> {
  return admitEntry({ ...entry, path: '/zego/callback' }, { ...rules, pathTokens: [] })
}

/** What never was verified is received again, by its own path; what was is only read again. */
function admitEntry(entry: QuarantineEntry, rules: Rules): ReturnType<typeof admit> {
  const { path, received_at: receivedAt, reason } = entry
  return admit({ raw: rawOf(entry), path: path ?? '', receivedAt }, isUnverified(reason) ? rules : undefined)
}

async function settleAgain(
  entry: QuarantineEntry,
  { callback }: Admitted,
  db: D1Database,
  now: number,
): Promise<Received> {
  const { id, reason } = entry
  const wasVerified = !isUnverified(reason)
  // A version that reads the same bytes as other content must not take that for another content.
  if (wasVerified) await enterAgain(db, callback, id.slice(`${reason}:`.length))
  // Had it been used by then, the ledger would have it: it forgets no signature that an entry has.
  const wouldBeInLedger =
    entry.signature === callback.signature && ledgerReachesBack(callback.signedAt, entry.received_at)
  // What came under a used signature is not good for it, though the ledger may have forgotten that signature.
  const isFirstUse = wasVerified ? reason !== 'signature_reused' : wouldBeInLedger
  const settlement = await settle(db, callback, { now, trusted: isFirstUse })
  const isDone = settlement.status === 'stored' || settlement.status === 'duplicate'
  if (isDone || (settlement.status === 'quarantined' && settlement.id !== id)) await removeEntries(db, [id])
  return receivedAs(settlement, callback)
}

/** A record that lost: it is stored again where nothing else is, or where it is to win. */
async function putBack(entry: QuarantineEntry, wins: boolean, db: D1Database, now: number): Promise<Retried> {
  const text = new TextDecoder().decode(entry.body)
  const record = JSON.parse(text) as CompletedRecord
  const { id, received_at: receivedAt } = entry
  const stored = await findRecord(db, record.task_id)
  if (!wins && stored?.status === 'completed') return { status: 'quarantined', id, reason: 'replaced' }
  return replace(db, { content: id.slice('replaced:'.length), receivedAt, record, text, entryId: id }, now)
}

/** How much of kept bodies one invocation reads: one of the largest, or many small ones. */
const MOST_BYTES_A_SLICE = 1_000_000
/** What has ended this many invocations is not tried by this version any more. */
const MOST_LOOKS = 3

/** A slice of a second look, as it goes on. */
type Slice = {
  accepted: Map<Reason, Accepted>
  /** Whether there may be more to look at, as far as D1 answers. */
  isMore: boolean
}

/**
 * A newer version's second look at what an older one could not verify or read: a slice, an entry at a time, each claimed
 * before it is read. What is authentic by now is stored and published like any callback, the rest stays. Tells whether there
 * is more. Throws when D1 is down: the next run goes on.
 */
export async function lookAgain(env: Env, settings: Settings, now: number): Promise<boolean> {
  const slice: Slice = { accepted: new Map(), isMore: true }
  await settleWaiting(claimInTurn(slice, env, settings, now), env, settings, now)
  for (const [reason, accepted] of slice.accepted) {
    await noteAccepted(env.DB, reason, accepted, versionOf(env), now)
  }
  return slice.isMore
}

async function* claimInTurn(slice: Slice, env: Env, settings: Settings, now: number): AsyncGenerator<Waiting> {
  const most = limitsOf(settings).looks
  for (let [looks, bytes] = [0, 0]; slice.isMore && looks < most && bytes < MOST_BYTES_A_SLICE; looks += 1) {
    const look = await claimLook(env.DB, versionOf(env), now)
    slice.isMore = look !== undefined
    if (look === undefined) return
    bytes += look.bytes
    yield waitingIn(look, slice, env, settings, now)
  }
}

/** What is not accepted stays, whatever the reason: what D1 refuses alone, each time, holds up none of the others. */
function waitingIn(look: Look, slice: Slice, env: Env, settings: Settings, now: number): Waiting {
  const { id, reason } = look
  return {
    settle: () => lookAt(look, env.DB, settings, now),
    settled: async ({ status }) => {
      const { callbacks, results } = slice.accepted.get(reason) ?? { callbacks: 0, results: 0 }
      slice.accepted.set(reason, { callbacks: callbacks + 1, results: results + (status === 'stored' ? 1 : 0) })
    },
    refused: () => noteRefusedAgain(env.DB, id, versionOf(env)),
    // Its lease ends by itself.
    postponed: async () => void (slice.isMore = false),
  }
}

async function lookAt(look: Look, db: D1Database, rules: Rules, now: number): Promise<Settled> {
  const { id, reason, task_id, looks } = look
  const entry = looks > MOST_LOOKS ? undefined : await findEntry(db, id)
  if (looks > MOST_LOOKS) log('error', 'quarantine.given_up', { id, reason, task_id })
  if (entry === undefined) return { status: 'unsettled' }
  const began = Date.now()
  const admitted = await admitEntry(entry, rules)
  const received = 'refusal' in admitted ? admitted : await settleAgain(entry, admitted, db, now)
  const { status } = received
  log('info', 'quarantine.rechecked', { id, reason, task_id, status, duration_ms: Date.now() - began })
  if (status === 'stored') return received
  return { status: status === 'refused' ? 'unsettled' : 'settled' }
}
