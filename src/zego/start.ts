/** `MediaThumbnails`: starts a task. Never repeated: a second start makes a second task, and costs again. */
import { call, type Caller, isObject, isRefusal, type Refusal } from './client.ts'
import type { Order } from './parameters.ts'

/** The id of the task that was started. `Data.Tencent.TaskId`, or `Data.Huawei.task_id`. */
export async function start(caller: Caller, { vendor, parameters }: Order): Promise<{ taskId: string } | Refusal> {
  const answer = await call(caller, 'MediaThumbnails', parameters)
  if (isRefusal(answer)) return answer
  const task = answer.data[vendor.api]
  const id = isObject(task) ? (task.TaskId ?? task.task_id) : undefined
  if ((typeof id === 'string' && id !== '') || typeof id === 'number') return { taskId: String(id) }
  return { code: 'zego_unknown', why: 'it accepted the task, and told no task id' }
}
