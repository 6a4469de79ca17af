/**
 * The Worker keeps its own schema: plain `wrangler deploy` is enough, for the first version and for the next.
 *
 * A fresh database gets `schema.sql`, which says what everything is for. Migrations bring an earlier one to the same, and leave
 * in place what the version before reads and writes, so that it goes on working while the next one is deployed.
 */
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import first from './migrations/0001_first.sql'
import pending from './migrations/0002_pending.sql'
import reading from './migrations/0003_reading.sql'
import quarantine from './migrations/0004_quarantine.sql'
import removals from './migrations/0005_removals.sql'
import feed from './migrations/0006_feed.sql'
import quarantineBytes from './migrations/0007_quarantine_bytes.sql'
import oneOrder from './migrations/0008_one_order.sql'
import whole from './schema.sql'

export type Migration = { name: string; sql: string }

/** Every migration file, oldest first, under the name by which wrangler records it. */
export const MIGRATIONS: readonly Migration[] = [
  { name: '0001_first.sql', sql: first },
  { name: '0002_pending.sql', sql: pending },
  { name: '0003_reading.sql', sql: reading },
  { name: '0004_quarantine.sql', sql: quarantine },
  { name: '0005_removals.sql', sql: removals },
  { name: '0006_feed.sql', sql: feed },
  { name: '0007_quarantine_bytes.sql', sql: quarantineBytes },
  { name: '0008_one_order.sql', sql: oneOrder },
]

/** As `wrangler d1 migrations apply` makes it, so that it then has nothing to do. */
const MAKE_RECORD_OF_MIGRATIONS = `CREATE TABLE IF NOT EXISTS "d1_migrations"(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`

/** D1's words for a schema older than the code. */
export function isSchemaOutdated(error: unknown): boolean {
  return /no such (?:table|column|index)|has no column named/.test(messageOf(error))
}

/**
 * Applies every migration that is not recorded, each with its record in one transaction. Where two isolates do it at
 * once, the record's UNIQUE name lets one of them win, and the other finds it done. A migration that cannot be applied
 * whole holds up none of the others: what it needs most, a table or a column, is made without the rest.
 */
export async function applyMigrations(db: D1Database, migrations = MIGRATIONS): Promise<void> {
  await db.prepare(MAKE_RECORD_OF_MIGRATIONS).run()
  if (migrations === MIGRATIONS && (await isEmpty(db))) await makeWhole(db)
  const recorded = await recordedNames(db)
  for (const { name, sql } of migrations) {
    if (recorded.has(name)) continue
    const statements = [insertRecord(db, name), ...statementsOf(sql).map((statement) => db.prepare(statement))]
    try {
      await db.batch(statements)
      log('info', 'schema.migrated', { name })
    } catch (error) {
      if (!(await recordedNames(db)).has(name)) await applyPiecemeal(name, statements, messageOf(error))
    }
  }
}

async function isEmpty(db: D1Database): Promise<boolean> {
  return (await db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'snapshots'`).first()) === null
}

/** Where another isolate has made it meanwhile, or it cannot be made whole, the migrations make what is missing. */
async function makeWhole(db: D1Database): Promise<void> {
  const records = MIGRATIONS.map(({ name }) => insertRecord(db, name))
  try {
    await db.batch([...records, ...statementsOf(whole).map((statement) => db.prepare(statement))])
    log('info', 'schema.made')
  } catch (error) {
    const isMade = (await recordedNames(db)).size > 0
    if (!isMade) log('warn', 'schema.unmade', { why: messageOf(error) })
  }
}

const insertRecord = (db: D1Database, name: string) =>
  db.prepare('INSERT INTO d1_migrations (name) VALUES (?1)').bind(name)

/** D1's words for what is there already: the database was imported, or an earlier try came half-way. */
const IS_THERE = /already exists|duplicate column name/

/** Statement by statement; it is recorded once all of them are done, and tried again until then. */
async function applyPiecemeal(
  name: string,
  [record, ...statements]: D1PreparedStatement[],
  why: string,
): Promise<void> {
  log('warn', 'schema.incomplete', { name, why })
  let isDone = true
  for (const statement of statements) {
    try {
      await statement.run()
    } catch (error) {
      if (IS_THERE.test(messageOf(error))) continue
      isDone = false
      log('error', 'schema.failed', { name, why: messageOf(error) })
    }
  }
  if (isDone) await record!.run()
}

const CHECK_DEADLINE_MS = 10_000

/** For what no query misses, such as an index. */
export async function completeSchema(db: D1Database): Promise<void> {
  await withDeadline(applyMigrations(db), CHECK_DEADLINE_MS, 'D1')
}

async function recordedNames(db: D1Database): Promise<Set<string>> {
  const { results } = await db.prepare('SELECT name FROM d1_migrations').all<{ name: string }>()
  return new Set(results.map(({ name }) => name))
}

/** Our migration files end each statement with a semicolon at a line's end, and a trigger is one line. */
export function statementsOf(sql: string): string[] {
  return sql
    .replaceAll(/--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}
