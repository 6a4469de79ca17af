/** What every call to D1 needs: a deadline, one retry where D1 asks for it, and a schema that fits the code. */
import { DeadlineExceeded, withDeadline } from '../deadline.ts'
import { messageOf } from '../log.ts'
import { applyMigrations, isSchemaOutdated, type Migration, MIGRATIONS } from './schema.ts'

/** For everything a caller waits for, retry and migrations included. */
export const D1_DEADLINE_MS = 2_000

/** Errors that D1's documentation tells to retry. */
const TRANSIENT =
  /Network connection lost|storage caused object to be reset|reset because its code was updated|Internal error in D1 DB storage|Cannot resolve D1 DB due to transient issue|Replica disconnected from primary|Can't read from request stream/

/**
 * D1's other words for being down or full: too much at once, an operation that took too long, no space left, and a day's
 * or an account's share used up. `reference` is D1's only word of most faults of its own.
 * Not among them: memory and CPU time, which one large row alone can exceed.
 * @see https://developers.cloudflare.com/d1/observability/debug-d1/#error-list
 */
const DOWN =
  /overloaded|too many requests|exceeded timeout|maximum DB size|SQLITE_FULL|disk is full|SQLITE_(?:BUSY|IOERR|NOMEM)|database is locked|long-running (?:import|export)|internal error|exceeded (?!its (?:memory|CPU)).*limit|limit exceeded|quota/i

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
 * Whether an error of `onDatabase` says that D1 is down or full, so that waiting helps; not that it refuses what was
 * asked. Where its words do not tell, D1 is asked to write something small.
 */
export async function isOutage(error: unknown, db: D1Database): Promise<boolean> {
  const message = messageOf(error)
  if (error instanceof DeadlineExceeded || TRANSIENT.test(message) || DOWN.test(message)) return true
  try {
    await onDatabase(db, () => db.prepare(WRITE_SOMETHING).run())
    return false
  } catch {
    return true
  }
}

const WRITE_SOMETHING = `
  INSERT INTO state (name, value, changed_at) VALUES ('write_tried', '', unixepoch())
  ON CONFLICT (name) DO UPDATE SET changed_at = excluded.changed_at`
