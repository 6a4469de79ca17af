/**
 * Keeps a callback in the quarantine. Whoever sends callbacks fills it, so every reason is bounded, except what was
 * answered 202.
 */
import { bytesToColumn } from '../callback/bytes.ts'
import { TEST_EVENT, type VerifiedCallback } from '../callback/snapshot.ts'
import {
  isUnverified,
  MOST_ENTRIES_A_REASON,
  MOST_LARGE_BYTES,
  type QuarantineEntry,
  type Reason,
} from './quarantine.ts'

/** An entry to keep. */
export type NewEntry = Omit<QuarantineEntry, 'id'> & {
  /** The hash of what it says, or of its bytes. */
  content: string
  /** A hash of its signature, where that is not verified: it may be good one day. */
  copy?: string
  /** The version of the Worker that could not verify it. */
  refusedBy?: number
  /** It was answered 202, so no bound on evidence drops it. */
  acknowledged?: boolean
  /** Whom to ask ZEGOCLOUD about, and when, in milliseconds. */
  ask?: { appid: string; vendor: string; due: number } | undefined
}

export function entryId(reason: Reason, content: string): string {
  return `${reason}:${content}`
}

type KeptCallback = Pick<VerifiedCallback, 'signature' | 'content' | 'receivedAt' | 'raw'> &
  Partial<Pick<VerifiedCallback, 'task_id' | 'event'>>

/** An entry of a callback that is not stored. */
export function newEntry(callback: KeptCallback, reason: Reason, detail: string): NewEntry {
  const { task_id = null, signature, content, receivedAt: received_at, raw, event = null } = callback
  const { bytes: body, contentType: content_type, contentEncoding: content_encoding } = raw
  const isShown = reason === 'unsupported_event' || event === TEST_EVENT
  const facts = { event: isShown ? event : null, age_seconds: null, path: null }
  return { reason, detail, task_id, signature, content, received_at, body, content_type, content_encoding, ...facts }
}

const LARGE_BYTES = 32_768
/** How many bodies of one signature are kept for one reason: whoever has captured it sends any number. */
const MOST_BODIES_A_SIGNATURE = 16
/** How many copies of one content are kept under different signatures, where none is verified. */
const MOST_COPIES = 3

/** Settled: each is answered 202, so it is taken. Evidence: anybody sends it who has captured one signature. */
type Kind = 'settled' | 'evidence' | 'unverified'

function kindOf(reason: Reason): Kind {
  if (isUnverified(reason)) return 'unverified'
  return ['signature_reused', 'unknown_app', 'invalid_timestamp', 'stale'].includes(reason) ? 'evidence' : 'settled'
}

/** When a kind takes another entry. Of a signature, one place is left for a task that has none of its bodies yet. */
const HAS_ROOM: Record<Kind, string> = {
  settled: 'true',
  evidence: `?13 = 1 OR (
    SELECT count(*) + coalesce(max(task_id IS ?5), 0) FROM quarantine
    WHERE signature = ?4 AND reason = ?2 AND acknowledged IS NULL) < ${MOST_BODIES_A_SIGNATURE}`,
  unverified: `NOT EXISTS (
    SELECT 1 FROM quarantine_counts WHERE reason = ?2 AND count >= ${MOST_ENTRIES_A_REASON}
    OR reason = ?2 || ':large' AND count >= ${MOST_LARGE_BYTES} AND octet_length(?7) > ${LARGE_BYTES})`,
}

/** A row that is there already is written again only where it turns out that it was answered 202. */
function insertInto(kind: Kind): string {
  return `
  INSERT INTO quarantine (id, reason, detail, signature, task_id, received_at, body, content_type, content_encoding,
    path, event, age_seconds, acknowledged, ask_app, ask_vendor, ask_due, refused_by, kept_at)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18
  WHERE ${HAS_ROOM[kind]}
  ON CONFLICT (id) DO UPDATE SET acknowledged = 1 WHERE excluded.acknowledged = 1 AND acknowledged IS NULL
  RETURNING rowid`
}

/** ?1 is the reason, ?2 the id: the oldest of the others goes. */
const LET_OLDEST_GO = `
  DELETE FROM quarantine WHERE rowid = (
    SELECT rowid FROM quarantine WHERE reason = ?1 AND acknowledged IS NULL AND id <> ?2 ORDER BY received_at LIMIT 1)
  AND (SELECT count FROM quarantine_counts WHERE reason = ?1) > ${MOST_ENTRIES_A_REASON}`

/**
 * ?1 is what the ids of one content begin with. The first copy stays, and the last ones: whoever knows a content beforehand
 * would have to send forged copies both before the genuine one's first attempt and after its last, to keep that out.
 */
const LET_SECOND_COPY_GO = `
  DELETE FROM quarantine WHERE rowid = (
    SELECT rowid FROM quarantine WHERE id > ?1 AND id < ?1 || '~' ORDER BY rowid LIMIT 1 OFFSET 1)
  AND (SELECT count(*) FROM quarantine WHERE id > ?1 AND id < ?1 || '~') > ${MOST_COPIES}`

/**
 * Keeps it where its reason has room, in one transaction; any number of times, it ends the same. `known`: it is there from
 * an earlier time. To be called within `onDatabase`.
 * @param now when it is kept, in milliseconds: a buffered callback was received long before
 */
export async function keep(db: D1Database, entry: NewEntry, now: number): Promise<'new' | 'known' | 'full'> {
  const { reason, copy } = entry
  const content = entryId(reason, entry.content)
  const id = copy === undefined ? content : `${content}:${copy}`
  const [inserted, , found] = await db.batch([
    db.prepare(insertInto(kindOf(reason))).bind(...columnsOf(id, entry, now)),
    copy === undefined
      ? db.prepare(LET_OLDEST_GO).bind(reason, id)
      : db.prepare(LET_SECOND_COPY_GO).bind(`${content}:`),
    db.prepare('SELECT 1 FROM quarantine WHERE id = ?1').bind(id),
  ])
  if (found!.results.length === 0) return 'full'
  return inserted!.results.length > 0 ? 'new' : 'known'
}

function columnsOf(id: string, entry: NewEntry, now: number) {
  const { reason, detail, signature, task_id, received_at, body, content_type, content_encoding, path } = entry
  const { event, age_seconds, acknowledged = false, ask, refusedBy = 0 } = entry
  const callback = [
    id,
    reason,
    detail,
    signature,
    task_id,
    received_at,
    bytesToColumn(body),
    content_type,
    content_encoding,
  ]
  const asked = [ask?.appid ?? null, ask?.vendor ?? null, ask?.due ?? null]
  return [...callback, path, event, age_seconds, acknowledged ? 1 : null, ...asked, refusedBy, now]
}
