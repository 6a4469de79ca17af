/**
 * Whose database this is. A Worker knows its own by its results: its KV has what D1 says was put there. So a Worker that
 * was deployed to the database of another one, with KV namespaces of its own, does not work on it while the other one
 * is alive.
 */
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import { type Env, type SettingFault, versionOf } from '../settings.ts'
import { onDatabase } from './database.ts'
import { isSchemaOutdated } from './schema.ts'

/** KV may read as empty for a minute where a value was just written; and a Worker may work for some before it has looked. */
const OLD_ENOUGH_MS = 600_000
const MOST_COMPARED = 5
const LOOKED_AT = 50

/** How often a Worker tells D1 that it works on it, and how long it counts as alive then: two heartbeats may fail. */
export const MINUTES_BETWEEN_HEARTBEATS = 5
const ALIVE_FOR_MS = 16 * 60_000

/** The version of the last heartbeat. Where it is not this one (?1), also the tasks of some results that KV must have. */
const FIND_LAST = `
  SELECT own.value AS version, own.changed_at AS at, CASE WHEN own.value <> ?1 THEN (
    SELECT json_group_array(task_id) FROM (
      SELECT task_id FROM (
        SELECT task_id, status, kv_due, kv_refused, kv_until FROM snapshots
        WHERE place < (?2 - ${OLD_ENOUGH_MS}) * 1000 ORDER BY place DESC LIMIT ${LOOKED_AT})
      WHERE status <> 'pending' AND kv_due IS NULL AND kv_refused IS NULL AND coalesce(kv_until > ?2, true)
      LIMIT ${MOST_COMPARED})) END AS tasks
  FROM (SELECT 1) LEFT JOIN state AS own ON own.name = 'installation'`

const NOTE_HEARTBEAT = `
  INSERT INTO state (name, value, changed_at) VALUES ('installation', ?1, ?2)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at`

const FOREIGN: SettingFault = {
  setting: 'DB',
  why: 'it belongs to another installation, which is at work, and RESULTS has none of its results',
  fix: 'This Worker needs stores of its own: npm run deploy -- --name <another name>. If the other Worker is gone, this one takes its place in a quarter of an hour.',
}

/** What this isolate has found, and until when it holds. */
export const verdict = { isForeign: false, until: 0, lookingUntil: 0 }
const MINUTE_MS = 60_000
const PAUSE_MS = 10

/** Callbacks wait for it together with D1, INTAKE and ASIDE; nothing waits for the others. */
export const LOOK_DEADLINE_MS = { answer: 500, job: 5_000 }

/**
 * The bindings to work with. In place of a foreign database, and of the queue that leads into it, there is what refuses
 * everything: so a callback waits in ASIDE, as it does while D1 is down.
 */
export async function ownBindings(env: Env, deadlineMs: number): Promise<Env> {
  const now = Date.now()
  // Another request's promise cannot be waited for: the runtime cancels what one request does for another.
  while (Date.now() < Math.min(verdict.lookingUntil, now + deadlineMs)) await scheduler.wait(PAUSE_MS)
  if (now >= verdict.until) await look(env, deadlineMs, now)
  return verdict.isForeign ? { ...env, DB: REFUSES, INTAKE: REFUSES, foreign: FOREIGN } : env
}

const refuse = () => {
  throw new Error(`the database is not used: ${FOREIGN.why}`)
}
const REFUSES = { prepare: refuse, batch: refuse, send: refuse } as unknown as D1Database & Queue

/** A store that fails refuses nothing: what was found before still holds. */
async function look(env: Env, deadlineMs: number, now: number): Promise<void> {
  Object.assign(verdict, { until: now + MINUTE_MS, lookingUntil: now + deadlineMs })
  try {
    const whose = await withDeadline(compare(env, now), deadlineMs, 'the look at whose database it is')
    verdict.isForeign = whose === 'foreign'
    if (whose === 'own') verdict.until = Infinity
    if (verdict.isForeign) log('error', 'database.foreign', FOREIGN)
  } catch (error) {
    if (!isSchemaOutdated(error)) log('warn', 'database.unseen', { why: messageOf(error) })
  }
  verdict.lookingUntil = 0
}

/** `unknown` where no result can tell yet, or the other Worker is gone: the next look tells. Throws when D1 or KV fails. */
async function compare(env: Env, now: number): Promise<'own' | 'unknown' | 'foreign'> {
  type Last = { version: string | null; at: number | null; tasks: string | null }
  const version = versionOf(env)
  const last = (await env.DB.prepare(FIND_LAST).bind(version, now).first<Last>())!
  if (last.version === version) return 'own'
  const tasks = JSON.parse(last.tasks ?? '[]') as string[]
  const isThere = await Promise.all(tasks.map((taskId) => isInKv(env.RESULTS, taskId)))
  const isOwn = last.version === null || isThere.includes(true)
  if (!isOwn && tasks.length === 0) return 'unknown'
  if (!isOwn && now - last.at! < ALIVE_FOR_MS) return 'foreign'
  await claim(env.DB, version, now)
  return isOwn ? 'own' : 'unknown'
}

/** Tells whoever comes to this database that a Worker is at work on it: one that knows that it is its own. */
export async function noteHeartbeat(env: Env, now: number): Promise<void> {
  if (verdict.until === Infinity) await claim(env.DB, versionOf(env), now)
}

export async function claim(db: D1Database, version: string, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(NOTE_HEARTBEAT).bind(version, now).run())
}

async function isInKv(results: KVNamespace, taskId: string): Promise<boolean> {
  const value = await results.get(taskId, 'stream') // not read: it may have megabytes
  await value?.cancel()
  return value !== null
}
