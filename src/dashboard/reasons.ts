/** Entries of the quarantine as people read them: what each is in a sentence, and repeats together. */
import { readVerified } from '../callback/read.ts'
import type { CompletedRecord } from '../event.ts'
import { type ListedEntry, type QuarantineEntry, rawOf, type Reason } from '../store/quarantine.ts'
import { duration } from './words.ts'

/** Text, or code within it. */
export type Words = readonly (string | { code: string })[]

/** The same again: another event of one kind, another body for one task. */
export type Group = readonly [ListedEntry, ...ListedEntry[]]

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

/** Each is true of a callback of ZEGOCLOUD and of a forged one. */
export function sentenceOf({ reason, detail, event, age_seconds }: ListedEntry): Words {
  switch (reason) {
    case 'invalid_snapshot':
      return [`It cannot be read as a snapshot. ${detail}`]
    case 'unsupported_event':
      return [
        'Another kind of callback: ',
        { code: event ?? 'none' },
        '. Ask ZEGOCLOUD to send only ',
        { code: 'snapshot' },
        ' here.',
      ]
    case 'conflict':
      return ['Another result is stored for this task. Compare the two: one of them may be forged.']
    case 'signature_reused':
      return ['Its signature came with other content before: one of the two is forged.']
    case 'unknown_app':
      return [
        'It is signed with the secret of another app than its own. If its app is yours, add it to ',
        { code: 'ZEGO_CALLBACK_SECRET' },
        '.',
      ]
    case 'invalid_timestamp':
      return ['Its timestamp is not a Unix time in seconds or milliseconds.']
    case 'stale':
      return [staleWords(age_seconds)]
    case 'replaced':
      return ['Another result was stored in its place. It can be put back.']
    case 'bad_signature':
      return [
        'No configured secret gives its signature: it is forged, or ',
        { code: 'ZEGO_CALLBACK_SECRET' },
        ' is wrong.',
      ]
    case 'not_configured':
      return ['It came while a setting was missing or broken. Health says which.']
    case 'wrong_path':
      return ['It came by another path than the one that is set. Check the URL that ZEGOCLOUD calls.']
    case 'undecodable':
      return ['No callback can be read from its bytes.']
  }
}

function staleWords(ageSeconds: number | null): string {
  if (ageSeconds === null) return 'Its timestamp was too far from the time of its receipt.'
  const gap = duration(Math.abs(ageSeconds) * 1000)
  if (ageSeconds > 0) return `Its timestamp was ${gap} old: a clock is wrong, it was delayed, or it was replayed.`
  return `Its timestamp was ${gap} ahead: a clock is wrong.`
}

export function grouped(entries: readonly ListedEntry[]): Group[] {
  const groups = new Map<string, [ListedEntry, ...ListedEntry[]]>()
  for (const entry of entries) {
    const { reason, event, task_id, id } = entry
    const key = JSON.stringify([reason, reason === 'unsupported_event' ? event : (task_id ?? id)])
    const group = groups.get(key)
    if (group) group.push(entry)
    else groups.set(key, [entry])
  }
  return [...groups.values()]
}

/** The record that would be stored of it, if it is a snapshot that can be used. */
export async function recordOf(entry: QuarantineEntry): Promise<CompletedRecord | undefined> {
  if (entry.reason === 'replaced') return JSON.parse(new TextDecoder().decode(entry.body)) as CompletedRecord
  const callback = await readVerified(rawOf(entry), entry.received_at)
  return 'snapshot' in callback && 'record' in callback.snapshot ? callback.snapshot.record : undefined
}
