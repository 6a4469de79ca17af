/**
 * Whose turn it is to call ZEGOCLOUD: a row for each app, for all isolates together, on D1's own clock.
 *
 * ZEGOCLOUD takes 20 requests a second of an app; we send 15 at most, whichever second is looked at: turns are 100 ms
 * apart, and whoever is more than 400 ms late takes another one.
 */
import { onDatabase } from './database.ts'

const TURN_MS = 100

/** By how much a request may follow its turn. */
export const LATE_MS = 400

/** After "too frequent": doubled while it goes on. */
const FIRST_REST_MS = 2_000
const LONGEST_REST_MS = 60_000

const NOW = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`

const TAKE_TURN = `
  INSERT INTO turns (appid, next_at) VALUES (?1, ${NOW} + ${TURN_MS})
  ON CONFLICT (appid) DO UPDATE SET next_at = max(next_at, ${NOW}) + ${TURN_MS} WHERE next_at <= ${NOW} + ?2
  RETURNING next_at - ${TURN_MS} - ${NOW} AS wait`

/** Those that were under way together are told together, and rest once. */
const REST = `
  UPDATE turns SET rested_at = ${NOW},
    rest_ms = CASE WHEN rested_at + rest_ms * 2 + ${LONGEST_REST_MS} > ${NOW}
      THEN min(max(rest_ms * 2, ${FIRST_REST_MS}), ${LONGEST_REST_MS}) ELSE ${FIRST_REST_MS} END
  WHERE appid = ?1 AND rested_at + rest_ms <= ${NOW}`

const REST_SO_LONG = 'UPDATE turns SET next_at = max(next_at, rested_at + rest_ms) WHERE appid = ?1 RETURNING rest_ms'

/**
 * In how many milliseconds the app may call; `undefined` if that is further away than `patienceMs`, and no turn was
 * taken. Throws when D1 does not answer.
 */
export async function takeTurn(db: D1Database, appid: string, patienceMs: number): Promise<number | undefined> {
  const take = db.prepare(TAKE_TURN).bind(appid, patienceMs)
  return (await onDatabase(db, () => take.first<{ wait: number }>()))?.wait
}

/** Lets the app rest, because ZEGOCLOUD said "too frequent"; for how many milliseconds. */
export async function rest(db: D1Database, appid: string): Promise<number> {
  const statements = [db.prepare(REST).bind(appid), db.prepare(REST_SO_LONG).bind(appid)]
  const [, rested] = await onDatabase(db, () => db.batch<{ rest_ms: number }>(statements))
  return rested?.results[0]?.rest_ms ?? FIRST_REST_MS
}
