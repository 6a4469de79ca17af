/** Entries of the quarantine as people read them: what each is in a sentence, and repeats together. */
import type { Child } from 'hono/jsx'
import { readVerified } from '../callback/read.ts'
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

const SECRET = <code>ZEGO_CALLBACK_SECRET</code>

/** Each is true of a callback of ZEGOCLOUD and of a forged one. */
const SENTENCES: Record<Reason, (entry: ListedEntry) => Child> = {
  invalid_snapshot: ({ detail }) => `It cannot be read as a snapshot. ${detail}`,
  unsupported_event: ({ event }) => (
    <>
      Another kind of callback: <code>{event ?? 'none'}</code>. Ask ZEGOCLOUD to send only <code>snapshot</code> here.
    </>
  ),
  conflict: () => 'Another result is stored for this task. Compare the two: one of them may be forged.',
  signature_reused: () => 'Its signature came with other content before: one of the two is forged.',
  unknown_app: () => (
    <>It is signed with the secret of another app than its own. If its app is yours, add it to {SECRET}.</>
  ),
  invalid_timestamp: () => 'Its timestamp is not a Unix time in seconds or milliseconds.',
  stale: ({ age_seconds }) => staleWords(age_seconds),
  replaced: () => 'Another result was stored in its place. It can be put back.',
  bad_signature: () => <>No configured secret gives its signature: it is forged, or {SECRET} is wrong.</>,
  not_configured: () => 'It came while a setting was missing or broken. Health says which.',
  wrong_path: () => 'It came by another path than the one that is set. Check the URL that ZEGOCLOUD calls.',
  undecodable: () => 'No callback can be read from its bytes.',
}

export const Sentence = ({ entry }: { entry: ListedEntry }) => <>{SENTENCES[entry.reason](entry)}</>

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
  const callback = await readVerified(rawOf(entry), entry.received_at)
  return 'snapshot' in callback && 'record' in callback.snapshot ? callback.snapshot.record : undefined
}
