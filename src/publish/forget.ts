/**
 * A task's value leaves KV: the one place where it does.
 *
 * D1 comes first: it remembers that the value has to go. Then KV, and then D1 again, since others write the same key:
 * where a row has come meanwhile, KV is due again with the row's record.
 */
import { isWithin } from '../callback/bytes.ts'
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import type { Env } from '../settings.ts'
import { PUBLISH_GRACE_MS } from '../store/outbox.ts'
import { noteRemovedFromKv, oweRemoval, takeDueRemovals } from '../store/removals.ts'
import { isDayUsedUp, nextMidnight } from './kv-limits.ts'

const KV_DEADLINE_MS = 2_000
const KEY_LIMIT_BYTES = 512

type Stores = Pick<Env, 'DB' | 'RESULTS'>

/** Tells whether KV has let go of it; if not, it is tried again by the sweep. Throws when D1 does not answer. */
export async function forget(taskId: string, { DB, RESULTS }: Stores, now: number): Promise<boolean> {
  try {
    // KV holds no longer key, and refuses to delete one.
    if (isWithin(KEY_LIMIT_BYTES, taskId)) await withDeadline(RESULTS.delete(taskId), KV_DEADLINE_MS, 'KV')
  } catch (error) {
    const why = messageOf(error)
    log('warn', 'forget.failed', { task_id: taskId, why })
    await oweRemoval(DB, taskId, now, isDayUsedUp(why) ? nextMidnight(now) : now + PUBLISH_GRACE_MS)
    return false
  }
  await noteRemovedFromKv(DB, taskId, now)
  return true
}

/** As `forget`, for after an answer: never throws, since what D1 remembers is due again. */
export async function forgetQuietly(taskId: string, stores: Stores, now: number): Promise<void> {
  try {
    await forget(taskId, stores, now)
  } catch (error) {
    log('warn', 'forget.unnoted', { task_id: taskId, why: messageOf(error) })
  }
}

/** Works off what KV still has to let go of, and tells whether there may be more. */
export async function sweepRemovals(stores: Stores, now: number, limit: number): Promise<boolean> {
  const [first, ...others] = await takeDueRemovals(stores.DB, now, limit)
  if (first === undefined) return false
  // Where KV refuses one, it would mostly refuse each: but one key that is stuck holds up no other one.
  const outcomes = [await forget(first, stores, now)]
  for (const taskId of others) outcomes.push(await forget(taskId, stores, now))
  return outcomes.length === limit && outcomes.every((isGone) => isGone)
}
