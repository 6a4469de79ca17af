/** Entries of the quarantine that ZEGOCLOUD is asked about: other content for a task than what is stored, or none. */
import { onDatabase } from './database.ts'

/** A task as one of its contents names it; times in milliseconds. */
export type Dispute = { task_id: string; appid: string; vendor: string; since: number }

/** From one question about a dispute to the next: as long as it has waited already. */
const SHORTEST_GAP_MS = 120_000
const LONGEST_GAP_MS = 3_600_000

/** Moves the due time, so that no two polls share a dispute. ?1 is a JSON list of appids. */
const TAKE = `
  UPDATE quarantine SET ask_due = ?2 + min(max(?2 - received_at, ${SHORTEST_GAP_MS}), ${LONGEST_GAP_MS})
  WHERE rowid IN (
    SELECT rowid FROM quarantine
    WHERE ask_app IN (SELECT value FROM json_each(?1)) AND ask_due <= ?2 ORDER BY ask_due LIMIT ?3)
  RETURNING task_id, ask_app AS appid, ask_vendor AS vendor, received_at AS since`

export async function takeDisputes(
  db: D1Database,
  appids: readonly string[],
  now: number,
  limit: number,
): Promise<Dispute[]> {
  const take = db.prepare(TAKE).bind(JSON.stringify(appids), now, limit)
  return (await onDatabase(db, () => take.all<Dispute>())).results
}

/** One answer closes all that was in the quarantine when it was asked for, at `askedAt` in milliseconds. */
export async function closeDispute(
  db: D1Database,
  { task_id, appid, vendor }: Dispute,
  askedAt: number,
): Promise<void> {
  const close = `
    UPDATE quarantine SET ask_due = NULL
    WHERE task_id = ?1 AND ask_app = ?2 AND ask_vendor = ?3 AND ask_due IS NOT NULL AND kept_at <= ?4`
  await onDatabase(db, () => db.prepare(close).bind(task_id, appid, vendor, askedAt).run())
}
