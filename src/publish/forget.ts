/** A record's value leaves KV. */
import { isWithin } from '../callback/bytes.ts'
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'

const KV_DEADLINE_MS = 2_000
const KEY_LIMIT_BYTES = 512

/** By then a publication that had begun before has ended. */
const AFTER_PUBLISHING_MS = 12_000

/** Throws when KV does not take it in time. */
export async function forgetInKv(results: KVNamespace, taskId: string): Promise<void> {
  if (!isWithin(KEY_LIMIT_BYTES, taskId)) return // KV holds no such key
  await withDeadline(results.delete(taskId), KV_DEADLINE_MS, 'KV')
}

/** Once more, for what was being published while it was deleted. After the answer; never throws. */
export async function forgetInKvAgain(results: KVNamespace, taskId: string): Promise<void> {
  await scheduler.wait(AFTER_PUBLISHING_MS)
  try {
    await forgetInKv(results, taskId)
  } catch (error) {
    log('warn', 'forget.failed', { task_id: taskId, why: messageOf(error) })
  }
}
