/** What every call to D1 needs: a deadline, one retry where D1 asks for it, and a schema that fits the code. */
import { DeadlineExceeded, withDeadline } from '../deadline.ts'
import { messageOf } from '../log.ts'
import { applyMigrations, isSchemaOutdated, type Migration, MIGRATIONS } from './schema.ts'

/** For everything a caller waits for, retry and migrations included. */
export const D1_DEADLINE_MS = 2_000

/** Errors that D1's documentation calls retryable. */
const TRANSIENT =
  /Network connection lost|storage caused object to be reset|reset because its code was updated|Internal error in D1 DB storage|Cannot resolve D1 DB due to transient issue/

/** D1's words for too much at once, and for a day's or an account's share used up. */
const EXHAUSTED = /overloaded|too many requests|exceeded .*limit|limit exceeded|quota/i

/**
 * Runs idempotent work on D1; throws what D1 threw, or `DeadlineExceeded`. D1 does not retry writes by itself.
 * After the deadline the work may still be done: only work that may be done twice belongs here.
 */
export async function onDatabase<Value>(
  db: D1Database,
  work: (db: D1Database) => Promise<Value>,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<Value> {
  return withDeadline(withRetry(db, work, migrations), D1_DEADLINE_MS, 'D1')
}

async function withRetry<Value>(
  db: D1Database,
  work: (db: D1Database) => Promise<Value>,
  migrations: readonly Migration[],
): Promise<Value> {
  try {
    return await work(db)
  } catch (error) {
    if (isSchemaOutdated(error)) await applyMigrations(db, migrations)
    else if (!TRANSIENT.test(messageOf(error))) throw error
    return work(db)
  }
}

/**
 * Whether an error of `onDatabase` says that D1 is down, so that waiting helps; not that it refuses what was asked.
 * Where its words do not tell, D1 is asked something simple.
 */
export async function isOutage(error: unknown, db: D1Database): Promise<boolean> {
  const message = messageOf(error)
  if (error instanceof DeadlineExceeded || TRANSIENT.test(message) || EXHAUSTED.test(message)) return true
  try {
    await onDatabase(db, () => db.prepare('SELECT 1 FROM ledger LIMIT 1').run())
    return false
  } catch {
    return true
  }
}
