/** What the outbox knows of one task: which of KV and the queue have its record. */
import { onDatabase } from '../store/database.ts'

export type Publication = {
  /** When each is tried again, in milliseconds; `null` where it has the record. */
  kv_due: number | null
  event_due: number | null
  /** Why KV will never take it. */
  kv_refused: string | null
  /** When ZEGOCLOUD is asked about it, in milliseconds. */
  ask_due: number | null
}

const FIND = 'SELECT kv_due, event_due, kv_refused, ask_due FROM snapshots WHERE task_id = ?1'

/** `undefined` if the task is not known. Throws when D1 cannot answer. */
export async function publicationOf(db: D1Database, taskId: string): Promise<Publication | undefined> {
  const row = await onDatabase(db, () => db.prepare(FIND).bind(taskId).first<Publication>())
  return row ?? undefined
}

export function publicationWords({ kv_due, event_due, kv_refused }: Publication): string {
  const has = [...(kv_due === null && kv_refused === null ? ['KV'] : []), ...(event_due === null ? ['Queue'] : [])]
  const waits = [...(kv_due === null ? [] : ['KV']), ...(event_due === null ? [] : ['the queue'])]
  const parts = [
    ...(has.length > 0 ? [has.join(' and ')] : []),
    ...(waits.length > 0 ? [`${waits.join(' and ')} still to come`] : []),
    ...(kv_refused === null ? [] : [`KV does not take it: ${kv_refused}`]),
  ]
  return parts.join('; ')
}
