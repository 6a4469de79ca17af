/** Callbacks that could not be verified or read, looked at again once another version of the Worker is in place. */
import { isRightPath } from './token.ts'
import { log, messageOf } from './log.ts'
import { publish } from './publish/publish.ts'
import { retry } from './retry.ts'
import { type Env, isFault, limitsOf, rulesOf, type Settings, versionOf } from './settings.ts'
import { isOutage } from './store/database.ts'
import type { Publication } from './store/outbox.ts'
import type { QuarantineEntry } from './store/quarantine.ts'
import { type Accepted, noteAccepted } from './store/state.ts'
import { findUnseen, noteSeen } from './store/unverified.ts'
import { canAskOf } from './zego/config.ts'

/**
 * A slice; tells whether there is more. What is authentic by now is stored and published like any callback, the rest stays.
 * It was kept by its own path: the path token is a factor of its own. Throws when D1 is down: the next run goes on.
 */
export async function recheck(env: Env, settings: Settings, now: number): Promise<boolean> {
  const version = versionOf(env)
  const limit = limitsOf(settings).rechecks
  const entries = await findUnseen(env.DB, version, limit)
  const publications: Publication[] = []
  const stay: string[] = []
  const accepted = new Map<string, Accepted>()
  for (const entry of entries) {
    const status = await recheckOrStay(entry, env, settings, now, publications)
    if (status === 'stays') stay.push(entry.id)
    else {
      const { callbacks, results } = accepted.get(entry.reason) ?? { callbacks: 0, results: 0 }
      accepted.set(entry.reason, { callbacks: callbacks + 1, results: results + (status === 'stored' ? 1 : 0) })
    }
  }
  await noteSeen(env.DB, stay, version)
  for (const [reason, counts] of accepted) await noteAccepted(env.DB, reason, counts, version, now)
  await publish(publications, env, settings, now)
  return entries.length === limit
}

type Status = 'stored' | 'accepted' | 'stays'
type Slice = [env: Env, settings: Settings, now: number, publications: Publication[]]

/** What D1 refuses alone, each time, holds up none of the others: the version after this one looks again. */
async function recheckOrStay(entry: QuarantineEntry, ...slice: Slice): Promise<Status> {
  try {
    return await recheckOne(entry, ...slice)
  } catch (error) {
    const [{ DB }] = slice
    if (await isOutage(error, DB)) throw error
    log('error', 'quarantine.refused', { id: entry.id, task_id: entry.task_id, why: messageOf(error) })
    return 'stays'
  }
}

async function recheckOne(entry: QuarantineEntry, ...[env, settings, now, publications]: Slice): Promise<Status> {
  const rules = rulesOf(settings, canAskOf(settings))
  if (isFault(rules) || isFault(settings.pathTokens)) return 'stays'
  if (!(await isRightPath(entry.path ?? '', settings.pathTokens))) return 'stays'
  const began = Date.now()
  const { received } = await retry(entry, false, rules, env.DB, now)
  const { id, task_id, reason } = entry
  const appid = received.status === 'stored' ? received.publication.record.appid : undefined
  const facts = { status: received.status, duration_ms: Date.now() - began }
  log('info', 'quarantine.rechecked', { id, reason, task_id, appid, ...facts })
  if (received.status === 'stored') {
    publications.push(received.publication)
    return 'stored'
  }
  return received.status === 'refused' || received.status === 'accepted' ? 'stays' : 'accepted'
}
