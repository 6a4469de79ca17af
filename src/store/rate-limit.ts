/**
 * The rate limit of calls to ZEGOCLOUD: a row for each app, for all isolates together, on D1's own clock.
 *
 * ZEGOCLOUD takes 20 requests a second of an app; we send 15 at most, whichever second is looked at: slots are 100 ms
 * apart, and a request that is more than 400 ms late takes another slot.
 */
import { onDatabase } from './database.ts'

const SLOT_MS = 100

/** By how much a request may follow its slot. */
export const LATE_MS = 400

/** After "too frequent": doubled while it goes on. */
const FIRST_BACK_OFF_MS = 2_000
const MAX_BACK_OFF_MS = 60_000

const NOW = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`

const RESERVE_SLOT = `
  INSERT INTO turns (appid, next_at) VALUES (?1, ${NOW} + ${SLOT_MS})
  ON CONFLICT (appid) DO UPDATE SET next_at = max(next_at, ${NOW}) + ${SLOT_MS} WHERE next_at <= ${NOW} + ?2
  RETURNING next_at - ${SLOT_MS} - ${NOW} AS wait`

/** Those that were under way together failed together back off once. */
const NOTE_BACK_OFF = `
  UPDATE turns SET rested_at = ${NOW},
    rest_ms = CASE WHEN rested_at + rest_ms * 2 + ${MAX_BACK_OFF_MS} > ${NOW}
      THEN min(max(rest_ms * 2, ${FIRST_BACK_OFF_MS}), ${MAX_BACK_OFF_MS}) ELSE ${FIRST_BACK_OFF_MS} END
  WHERE appid = ?1 AND rested_at + rest_ms <= ${NOW}`

const PUSH_NEXT_SLOT = 'UPDATE turns SET next_at = max(next_at, rested_at + rest_ms) WHERE appid = ?1 RETURNING rest_ms'

/**
 * In how many milliseconds the app may call; `undefined` if that is further away than `maxWaitMs`, and no slot was
 * reserved. Throws when D1 does not answer.
 */
export async function reserveSlot(db: D1Database, appid: string, maxWaitMs: number): Promise<number | undefined> {
  const take = db.prepare(RESERVE_SLOT).bind(appid, maxWaitMs)
  return (await onDatabase(db, () => take.first<{ wait: number }>()))?.wait
}

/** Lets the app rest, because ZEGOCLOUD said "too frequent"; for how many milliseconds. */
export async function backOff(db: D1Database, appid: string): Promise<number> {
  const statements = [db.prepare(NOTE_BACK_OFF).bind(appid), db.prepare(PUSH_NEXT_SLOT).bind(appid)]
  const [, rested] = await onDatabase(db, () => db.batch<{ rest_ms: number }>(statements))
  return rested?.results[0]?.rest_ms ?? FIRST_BACK_OFF_MS
}
