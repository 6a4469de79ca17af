/** `MediaThumbnails`: starts a task. Never repeated: a second start makes a second task, and costs again. */
import { call, type Caller, isObject, isFailure, type ApiFailure } from './client.ts'
import type { Order } from './parameters.ts'

/** The id of the task that was started. `Data.Tencent.TaskId`, or `Data.Huawei.task_id`. */
export async function start(caller: Caller, { vendor, parameters }: Order): Promise<{ taskId: string } | ApiFailure> {
  const answer = await call(caller, 'MediaThumbnails', parameters)
  if (isFailure(answer)) return answer
  const task = answer.data[vendor.api]
  const id = isObject(task) ? (task.TaskId ?? task.task_id) : undefined
  if ((typeof id === 'string' && id !== '') || typeof id === 'number') return { taskId: String(id) }
  return { code: 'zego_unknown', why: 'it accepted the task, and answer no task id' }
}
