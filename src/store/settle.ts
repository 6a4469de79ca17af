/**
 * The one door into the store: a batch, which is one transaction, that tells every outcome apart.
 *
 * The ledger comes first, for every verified callback: a signature is good for one content, so a body swapped under a
 * captured signature is found, whatever its event.
 */
import type { Unusable, VerifiedCallback } from '../callback/snapshot.ts'
import { onDatabase } from './database.ts'
import type { Publication } from './outbox.ts'
import { entryId, keep, newEntry } from './keep.ts'
import { newWriteId, publicationOf, upsert } from './write.ts'

export type Settlement =
  | { status: 'stored'; task_id: string; publication: Publication }
  | { status: 'duplicate'; task_id: string }
  | { status: 'quarantined'; id: string; reason: 'conflict' | Unusable['reason'] }
  | { status: 'signature_reused'; kept: boolean }
  /** A purge of the ledger may have forgotten its signature. */
  | { status: 'stale' }

export type SettleOptions = {
  /** In milliseconds: a buffered callback is settled long after it was received. */
  now?: number
  /** It was answered 202: whatever the outcome, it is kept. */
  acknowledged?: boolean
  /** It was verified and fresh when it was received: what a purge has forgotten since does not matter. */
  trusted?: boolean
}

type Outcome = 'stored' | 'duplicate' | 'conflict' | 'signature_reused' | 'stale' | Unusable['reason']

const DETAILS = {
  conflict: 'This task already has other content; the first one stays.',
  signature_reused: 'This signature was already used for different content: one of the two is forged.',
} as const

/**
 * ?5 is the callback's own time: what is older than the last purge of the ledger may have been used before. ?6 is the
 * task_id: what was no usable snapshot when it was entered may be one for a later version.
 */
const ENTER_IN_LEDGER = `
  INSERT INTO ledger (signature, content, seen_at, latest_claim, task) SELECT ?1, ?2, ?3, ?4, ?6
  WHERE ?5 > coalesce((SELECT changed_at FROM state WHERE name = 'ledger_purged'), -1)
  ON CONFLICT (signature) DO UPDATE SET task = excluded.task
  WHERE content = excluded.content AND ledger.task IS NULL AND excluded.task IS NOT NULL`

/** ?3 is the task_id, ?4 the write id, ?5 why the content is unusable or NULL. */
const TELL_OUTCOME = `
  SELECT CASE
    WHEN ledger.content IS NULL THEN 'stale'
    WHEN ledger.content <> ?2 THEN 'signature_reused'
    WHEN ?5 IS NOT NULL THEN ?5
    WHEN snapshots.task_id IS NOT NULL AND snapshots.content IS NOT ?2 THEN 'conflict'
    WHEN snapshots.delivery = ?4 THEN 'stored'
    ELSE 'duplicate' END AS outcome
  FROM (SELECT 1) LEFT JOIN ledger ON signature = ?1 LEFT JOIN snapshots ON task_id = ?3`

/**
 * Settles a callback, and keeps what is not stored. Any number of times, in any order, at once, it ends the same.
 * Throws when D1 does not take it in time.
 */
export async function settle(
  db: D1Database,
  callback: VerifiedCallback,
  options: SettleOptions = {},
): Promise<Settlement> {
  const { snapshot, content } = callback
  const write = { ...callback, writeId: newWriteId(callback.signature), now: options.now ?? Date.now() }
  return onDatabase(db, async () => {
    const outcome = await decide(db, write, options)
    if (outcome === 'stale') return { status: outcome }
    if ('record' in snapshot && (outcome === 'stored' || outcome === 'duplicate')) {
      const { task_id } = snapshot.record
      if (outcome === 'duplicate') return { status: outcome, task_id }
      return { status: outcome, task_id, publication: publicationOf({ ...write, ...snapshot }) }
    }
    return keepInQuarantine(db, callback, outcome as keyof typeof DETAILS | Unusable['reason'], options, content)
  })
}

type Decision = VerifiedCallback & { writeId: string; now: number }

async function decide(db: D1Database, write: Decision, { trusted = false }: SettleOptions): Promise<Outcome> {
  const { signature, content, latestClaim, signedAt, receivedAt, snapshot, writeId } = write
  const [record, unusable] = 'reason' in snapshot ? [null, snapshot.reason] : [snapshot.record, null]
  const taskId = record?.task_id ?? null
  const time = trusted ? Number.MAX_SAFE_INTEGER : (signedAt ?? 0)
  const results = await db.batch<{ outcome: Outcome }>([
    db.prepare(ENTER_IN_LEDGER).bind(signature, content, receivedAt, latestClaim, time, taskId),
    ...('record' in snapshot ? [upsert(db, 'callback', { ...write, ...snapshot }, signature)] : []),
    db.prepare(TELL_OUTCOME).bind(signature, content, taskId, writeId, unusable),
  ])
  return results.at(-1)!.results[0]!.outcome
}

/** A snapshot that other content stands against is put to ZEGOCLOUD, once there is a ServerSecret for its app. */
async function keepInQuarantine(
  db: D1Database,
  callback: VerifiedCallback,
  reason: keyof typeof DETAILS | Unusable['reason'],
  { acknowledged = false, now = Date.now() }: SettleOptions,
  content: string,
): Promise<Settlement> {
  const { snapshot } = callback
  const detail = 'reason' in snapshot ? snapshot.detail : DETAILS[reason as keyof typeof DETAILS]
  const ask = 'record' in snapshot ? { ...snapshot.record, due: now } : undefined
  const outcome = await keep(db, { ...newEntry(callback, reason, detail), acknowledged, ask }, now)
  const kept = outcome !== 'full'
  if (reason === 'signature_reused') return { status: reason, kept }
  if (!kept) throw new Error('the quarantine kept nothing of an authentic callback')
  return { status: 'quarantined', id: entryId(reason, content), reason }
}

/** Whether the ledger has the signature for this very content. */
export async function isInLedger(db: D1Database, { signature, content }: VerifiedCallback): Promise<boolean> {
  const find = db.prepare('SELECT 1 FROM ledger WHERE signature = ?1 AND content = ?2').bind(signature, content)
  return (await onDatabase(db, () => find.first())) !== null
}

/** The signature's content is read as another one now than when it was entered, from the very same bytes. */
export async function enterAgain(db: D1Database, { signature, content }: VerifiedCallback, was: string): Promise<void> {
  if (was === content) return
  const enter = db.prepare('UPDATE ledger SET content = ?3 WHERE signature = ?1 AND content = ?2')
  await onDatabase(db, () => enter.bind(signature, was, content).run())
}
