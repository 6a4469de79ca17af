/** How all is going, in a few words for the top of each page. Reads at most 100 rows. */
import { onDatabase } from '../store/database.ts'

export type Badge = { shape: 'well' | 'waiting' | 'bad'; words: string }

/** As `/healthz` judges it: longer than this, and someone should look. */
const LATE_MS = 15 * 60_000
const MOST_KEPT = 49
const MOST_WAITING = 10

const OLDEST = (eventSent: 0 | 1) => `
  (SELECT min(unpublished_since) FROM (
    SELECT unpublished_since FROM snapshots WHERE publish_at IS NOT NULL AND event_sent = ${eventSent}
    ORDER BY publish_at LIMIT ${MOST_WAITING}))`

const LOOK = `
  SELECT (SELECT count(*) FROM (SELECT 1 FROM quarantine LIMIT ${MOST_KEPT + 1})) AS kept,
    ${OLDEST(0)} AS event, ${OLDEST(1)} AS kv, (SELECT value FROM state WHERE name = 'aside') AS aside`

/** Throws when D1 cannot answer. */
export async function badgeOf(db: D1Database, now: number): Promise<Badge> {
  type Row = { kept: number; event: number | null; kv: number | null; aside: string | null }
  const row = await onDatabase(db, () => db.prepare(LOOK).first<Row>())
  if (row === null) return { shape: 'well', words: 'all well' }
  const { waiting = 0, parked = 0 } = JSON.parse(row.aside ?? '{}') as { waiting?: number; parked?: number }
  if (isLate(row.event, now)) return { shape: 'bad', words: 'publishing is behind' }
  if (waiting + parked > 0) return { shape: 'waiting', words: `${waiting + parked} put aside` }
  if (isLate(row.kv, now)) return { shape: 'waiting', words: 'KV is behind' }
  if (row.kept > MOST_KEPT) return { shape: 'waiting', words: `over ${MOST_KEPT} kept aside` }
  if (row.kept > 0) return { shape: 'waiting', words: `${row.kept} kept aside` }
  return { shape: 'well', words: 'all well' }
}

function isLate(since: number | null, now: number): boolean {
  return since !== null && now - since > LATE_MS
}
