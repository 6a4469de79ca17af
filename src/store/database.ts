/** What every call to D1 needs: a deadline, one retry where D1 asks for it, and a schema that fits the code. */
import { withDeadline } from '../deadline.ts'
import { messageOf } from '../log.ts'
import { applyMigrations, isSchemaOutdated } from './schema.ts'

/** For everything a caller waits for, retry and migrations included. */
export const D1_DEADLINE_MS = 2_000

/** Errors that D1's documentation calls retryable. */
const TRANSIENT = new RegExp(
  [
    'Network connection lost',
    'storage caused object to be reset',
    'reset because its code was updated',
    'Internal error in D1 DB storage',
    'Cannot resolve D1 DB due to transient issue',
  ].join('|'),
)

/**
 * Runs idempotent work on D1; throws what D1 threw, or `DeadlineExceeded`. D1 does not retry writes by itself.
 * After the deadline the work may still be done: only work that may be done twice belongs here.
 */
export async function onDatabase<Value>(db: D1Database, work: (db: D1Database) => Promise<Value>): Promise<Value> {
  return withDeadline(withRetry(db, work), D1_DEADLINE_MS, 'D1')
}

async function withRetry<Value>(db: D1Database, work: (db: D1Database) => Promise<Value>): Promise<Value> {
  try {
    return await work(db)
  } catch (error) {
    if (isSchemaOutdated(error)) await applyMigrations(db)
    else if (!TRANSIENT.test(messageOf(error))) throw error
    return work(db)
  }
}
