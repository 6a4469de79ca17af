/** Entries of the quarantine as people read them: what each is in a sentence, and repeats together. */
import type { Child } from 'hono/jsx'
import { unlessRefused } from '../callback/refusal.ts'
import { readVerified } from '../callback/snapshot.ts'
import { type RefusalCode, REFUSALS } from '../callback/refusal.ts'
import type { CompletedRecord } from '../event.ts'
import { type ListedEntry, type QuarantineEntry, rawOf, type Reason } from '../store/quarantine.ts'
import { duration } from './words.ts'

/** The same again: another event of one kind, another body for one task. */
export type Group = readonly ListedEntry[]

/** What an operator can do about each: let it be accepted as it is, compare it with what won, or neither. */
export const REMEDY: Record<Reason, 'accept' | 'compare' | 'none'> = {
  invalid_snapshot: 'accept',
  unsupported_event: 'none',
  conflict: 'compare',
  signature_reused: 'compare',
  unknown_app: 'accept',
  invalid_timestamp: 'accept',
  stale: 'accept',
  replaced: 'compare',
  bad_signature: 'accept',
  not_configured: 'accept',
  wrong_path: 'accept',
  undecodable: 'accept',
}

/** What is no refusal: these were answered 202, or lost to another result. */
const SENTENCES: Record<Exclude<Reason, RefusalCode>, (entry: ListedEntry) => Child> = {
  invalid_snapshot: ({ detail }) => `It cannot be read as a snapshot. ${detail}`,
  unsupported_event: ({ event }) => (
    <>
      Another kind of callback: <code>{event ?? 'none'}</code>. Ask ZEGOCLOUD to send only <code>snapshot</code> here.
    </>
  ),
  conflict: () => 'Another result is stored for this task. Compare the two: one of them may be forged.',
  replaced: () => 'Another result was stored in its place. It can be put back.',
}

/** Each is true of a callback of ZEGOCLOUD and of a forged one. */
function sentenceOf(entry: ListedEntry): Child {
  const { reason } = entry
  if (reason === 'stale') return staleWords(entry.age_seconds)
  return isRefusal(reason) ? `${REFUSALS[reason].title}. ${REFUSALS[reason].remedy}` : SENTENCES[reason](entry)
}

function isRefusal(reason: Reason): reason is Reason & RefusalCode {
  return reason in REFUSALS
}

export const Sentence = ({ entry }: { entry: ListedEntry }) => <>{sentenceOf(entry)}</>

function staleWords(ageSeconds: number | null): string {
  if (ageSeconds === null) return 'Its timestamp was too far from the time of its receipt.'
  const gap = duration(Math.abs(ageSeconds) * 1000)
  if (ageSeconds > 0) return `Its timestamp was ${gap} old: a clock is wrong, it was delayed, or it was replayed.`
  return `Its timestamp was ${gap} ahead: a clock is wrong.`
}

export function grouped(entries: readonly ListedEntry[]): Group[] {
  const keyOf = ({ reason, event, task_id, id }: ListedEntry) =>
    JSON.stringify([reason, reason === 'unsupported_event' ? event : (task_id ?? id)])
  return [...Map.groupBy(entries, keyOf).values()]
}

/** The record that would be stored of it, if it is a snapshot that can be used. */
export async function recordOf(entry: QuarantineEntry): Promise<CompletedRecord | undefined> {
  if (entry.reason === 'replaced') return JSON.parse(new TextDecoder().decode(entry.body)) as CompletedRecord
  const callback = await unlessRefused(readVerified(rawOf(entry), entry.received_at))
  return callback && 'record' in callback.snapshot ? callback.snapshot.record : undefined
}
