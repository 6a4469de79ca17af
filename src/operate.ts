/** What operators do with tasks and entries, from `/v1` and from the dashboard alike. All throw when D1 fails. */
import { log, messageOf } from './log.ts'
import { forget } from './publish/forget.ts'
import { publish } from './publish/publish.ts'
import { retry, type Retried } from './quarantine/retry.ts'
import { type Env, limitsOf, type Settings, versionOf } from './settings.ts'
import { scheduleRange, scheduleRepublish } from './store/outbox.ts'
import { findEntry, type Reason, removeEntries, removeOfReason } from './store/quarantine.ts'
import { allowEarlier, removeRecord } from './store/removals.ts'
import { findRecord } from './store/snapshots.ts'
import { noteAccepted } from './store/state.ts'

/** Who asks, and what may go on after the answer. */
export type Operation = {
  env: Env
  settings: Settings
  waitUntil: (work: Promise<unknown>) => void
  /** Writes a line of the log. */
  report: (event: string, facts: Record<string, unknown>) => void
}

/** Writes KV and sends the event again, through the outbox. */
export async function republish(
  task_id: string,
  { env, settings, report, waitUntil }: Operation,
): Promise<'accepted' | 'not_finished' | 'unknown'> {
  const now = Date.now()
  const publication = await scheduleRepublish(env.DB, task_id, now)
  if (publication === undefined) return (await findRecord(env.DB, task_id)) ? 'not_finished' : 'unknown'
  report('snapshot.republished', { task_id, appid: publication.record.appid })
  waitUntil(publish([publication], env, settings, now))
  return 'accepted'
}

/**
 * The same for all of a range of time, in milliseconds: the sweep publishes it, at the pace of the plan. `seconds` is how
 * long that takes.
 */
export async function republishRange(since: number, until: number, { env, settings, report }: Operation) {
  const now = Date.now()
  const { republished, last, next } = await scheduleRange(env.DB, since, until, limitsOf(settings).republishPaceMs, now)
  const seconds = Math.ceil((last - now) / 1000)
  report('snapshots.republished', { since, until, tasks: republished, seconds })
  return { republished, seconds, next }
}

/** Deletes a result from D1, and at once from KV, which D1 owes as well: the sweep deletes there in any case. */
export async function removeSnapshot(task_id: string, { env, report }: Operation): Promise<void> {
  const now = Date.now()
  const appid = await removeRecord(env.DB, task_id, now)
  await forget(task_id, env)
  report('snapshot.deleted', { task_id, appid })
}

/** `undefined` where there is no such entry. */
export async function retryEntry(
  id: string,
  wins: boolean,
  { env, settings, report, waitUntil }: Operation,
): Promise<Retried | undefined> {
  const entry = await findEntry(env.DB, id)
  if (entry === undefined) return undefined
  if (entry.task_id) await allowEarlier(env.DB, entry.task_id)
  const now = Date.now()
  const retried = await retry(entry, wins, settings, env.DB, now)
  const isStored = retried.status === 'stored'
  const appid = isStored ? retried.publication.record.appid : undefined
  report('quarantine.retried', { id, task_id: entry.task_id, appid, replace: wins, status: retried.status })
  if (isStored) waitUntil(publish([retried.publication], env, settings, now))
  if (isStored || retried.status === 'duplicate') {
    const accepted = { callbacks: 1, results: isStored ? 1 : 0 }
    waitUntil(noteAccepted(env.DB, entry.reason, accepted, versionOf(env), now).catch(notNoted))
  }
  return retried
}

/** Health then calls its refusal news for longer. */
function notNoted(error: unknown): void {
  log('warn', 'quarantine.unnoted', { why: messageOf(error) })
}

export async function deleteEntry(id: string, { env, report }: Operation): Promise<void> {
  await removeEntries(env.DB, [id])
  report('quarantine.deleted', { id })
}

/** @param before when they were received, in milliseconds */
export async function deleteOfReason(reason: Reason, before: number | undefined, { env, report }: Operation) {
  const removed = await removeOfReason(env.DB, reason, before)
  report('quarantine.deleted', { reason, deleted: removed.deleted })
  return removed
}
