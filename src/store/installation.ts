/**
 * Whose database this is. A Worker knows its own by its results: its KV has what D1 says was put there. So a Worker that
 * was deployed to the database of another one, with KV namespaces of its own, does not work on it.
 */
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import { type Env, type SettingFault, versionOf } from '../settings.ts'
import { isSchemaOutdated } from './schema.ts'

/** A place in KV may be read as empty for a minute after it was written. */
const OLD_ENOUGH_MS = 3_600_000
const MOST_COMPARED = 5
const LOOKED_AT = 50

/** NULL where the version (?1) is known; else the tasks of some results that KV must have. ?2 is now. */
const FIND_RESULTS = `
  SELECT CASE WHEN own.value = ?1 THEN NULL ELSE (
    SELECT json_group_array(task_id) FROM (
      SELECT task_id FROM (
        SELECT task_id, status, kv_due, kv_refused, kv_until FROM snapshots
        WHERE place < (?2 - ${OLD_ENOUGH_MS}) * 1000 AND place > coalesce(own.changed_at, 0) * 1000
        ORDER BY place DESC LIMIT ${LOOKED_AT})
      WHERE status <> 'pending' AND kv_due IS NULL AND kv_refused IS NULL AND coalesce(kv_until > ?2, true)
      LIMIT ${MOST_COMPARED})) END AS tasks
  FROM (SELECT 1) LEFT JOIN state AS own ON own.name = 'installation'`

/** Its time stays: older results are not compared since an operator has said so. */
const NOTE_OWN = `
  INSERT INTO state (name, value, changed_at) VALUES ('installation', ?1, 0)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`

const TAKE_OVER = `INSERT OR REPLACE INTO state SELECT 'installation', '', unixepoch() * 1000`

const FOREIGN: SettingFault = {
  setting: 'DB',
  why: 'it belongs to another installation, since RESULTS has none of its results',
  fix: `A Worker that was deployed here by mistake needs stores of its own: npm run deploy -- --name <another name>. If the database is its own, because RESULTS was created again: npx wrangler d1 execute <the database's name> --remote --command "${TAKE_OVER}"`,
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
    const isOwn = await withDeadline(compare(env, now), deadlineMs, 'the look at whose database it is')
    verdict.isForeign = isOwn === false
    if (!verdict.isForeign) verdict.until = isOwn ? Infinity : now + OLD_ENOUGH_MS
    if (isOwn === false) log('error', 'database.foreign', FOREIGN)
  } catch (error) {
    if (!isSchemaOutdated(error)) log('warn', 'database.unseen', { why: messageOf(error) })
  }
  verdict.lookingUntil = 0
}

/** `undefined` where there is no result to compare. Throws when D1 or KV does not answer. */
async function compare(env: Env, now: number): Promise<boolean | undefined> {
  const version = versionOf(env)
  const found = await env.DB.prepare(FIND_RESULTS).bind(version, now).first<{ tasks: string | null }>()
  if (!found?.tasks) return true
  const tasks = JSON.parse(found.tasks) as string[]
  const isThere = await Promise.all(tasks.map((taskId) => isInKv(env.RESULTS, taskId)))
  if (!isThere.includes(true)) return isThere.length === 0 ? undefined : false
  await env.DB.prepare(NOTE_OWN).bind(version).run()
  return true
}

async function isInKv(results: KVNamespace, taskId: string): Promise<boolean> {
  const value = await results.get(taskId, 'stream') // not read: it may have megabytes
  await value?.cancel()
  return value !== null
}
