/** A task's value leaves KV: at once where it can, and for certain by the sweep, since D1 owes it. */
import { isWithin } from '../callback/bytes.ts'
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import type { Env } from '../settings.ts'
import { dueAgain } from '../store/outbox.ts'
import { type Removal, type RemovalResult, settleRemovals, takeDueRemovals } from '../store/removals.ts'
import { isDayUsedUp, nextMidnight } from './publish.ts'

const KV_DEADLINE_MS = 2_000
const KEY_LIMIT_BYTES = 512

/** Why KV did not let go of it; `undefined` if it did. Never throws: the sweep deletes it in any case. */
export async function forget(taskId: string, { RESULTS }: Pick<Env, 'RESULTS'>): Promise<string | undefined> {
  try {
    // KV holds no longer key, and refuses to delete one.
    if (isWithin(KEY_LIMIT_BYTES, taskId)) await withDeadline(RESULTS.delete(taskId), KV_DEADLINE_MS, 'KV')
    return undefined
  } catch (error) {
    const why = messageOf(error)
    log('warn', 'forget.failed', { task_id: taskId, why })
    return why
  }
}

/** Settles a slice of what D1 owes to KV, and tells whether there may be more that can be settled now. */
export async function sweepRemovals(env: Pick<Env, 'DB' | 'RESULTS'>, now: number, limit: number): Promise<boolean> {
  const removals = await takeDueRemovals(env.DB, now, limit)
  if (removals.length === 0) return false
  const results = await Promise.all(removals.map((removal) => settleOne(removal, env, now)))
  await settleRemovals(env.DB, results, now)
  return results.length === limit && results.every(({ due }) => due === null)
}

/** What failed is due again at growing gaps, as a publication is. */
async function settleOne(removal: Removal, env: Pick<Env, 'RESULTS'>, now: number): Promise<RemovalResult> {
  const { task_id, content, due: taken, since, isStored } = removal
  const failure = isStored ? undefined : await forget(task_id, env)
  if (failure === undefined) return { task_id, content, taken, due: null }
  return { task_id, content, taken, due: isDayUsedUp(failure) ? nextMidnight(now) : dueAgain(since, now) }
}
