/** The stored records. */
import { onDatabase } from './database.ts'

/** The JSON of a record, as readers get it; `undefined` if the task is not known. Throws when D1 cannot answer. */
export async function findRecord(db: D1Database, taskId: string): Promise<string | undefined> {
  const row = await onDatabase(db, () =>
    db.prepare('SELECT record FROM snapshots WHERE task_id = ?1').bind(taskId).first<{ record: string }>(),
  )
  return row?.record
}
