/** ZEGOCLOUD's two actions about screenshot tasks: `MediaThumbnails` starts one, `DescribeMediaTask` says what became of it. */
import { isObject } from '../callback/json.ts'
import { call, type Caller, type Data, isFailure, type ApiFailure } from './client.ts'
import { isAboutTheTask, parametersOf, type StartBody, type Vendor } from './parameters.ts'

/** What ZEGOCLOUD tells of a task. `urls` are as it gives them: Huawei's are names, relative to a bucket. */
export type Answer =
  | { status: 'finished'; urls: string[]; fileId: string | undefined }
  | { status: 'failed'; message: string }
  | { status: 'unfinished' }
  /** ZEGOCLOUD knows no such task. */
  | { status: 'unknown'; message: string }

const FINISHED = new Set(['FINISH', 'SUCCEEDED'])
const FAILED = new Set(['FAIL', 'FAILED', 'CANCELED'])
const UNFINISHED = new Set(['WAITING', 'PROCESSING'])

/** The other kinds of tasks that the same action tells of. */
const OTHER_KINDS = new Set(['compose', 'transcode'])

/** Asking changes nothing, so it may be repeated. */
export async function describe(caller: Caller, taskId: string, { api }: Vendor): Promise<Answer | ApiFailure> {
  const answer = await call(caller, 'DescribeMediaTask', [
    ['TaskId', taskId],
    ['Vendor', api],
  ])
  if (!isFailure(answer)) return readAnswer(answer.data[api]) ?? unreadable
  if (answer.code === 'zego_error' && isAboutTheTask(answer.zegoCode)) {
    const message = answer.message || answer.advice
    return { status: 'unknown', message: `ZEGOCLOUD answered ${answer.zegoCode}: ${message}` }
  }
  return answer
}

const unreadable: ApiFailure = { code: 'zego_unknown', why: 'its answer is not one that it documents' }

function readAnswer(task: unknown): Answer | undefined {
  if (!isObject(task) || typeof task.Status !== 'string') return undefined
  const { Status: status } = task
  if (UNFINISHED.has(status)) return { status: 'unfinished' }
  if (status === 'NO_TASK') return { status: 'unknown', message: 'ZEGOCLOUD knows no such task (NO_TASK)' }
  if (FAILED.has(status)) return { status: 'failed', message: failureMessage(task) || `ZEGOCLOUD’s task is ${status}` }
  if (!FINISHED.has(status)) return undefined
  if (OTHER_KINDS.has(String(task.Event).toLowerCase())) {
    return { status: 'failed', message: `It is not a screenshot task but a ${String(task.Event)} task` }
  }
  const urls = textsOf(task.ThumbnailsUrl ?? task.FileName)
  return urls && { status: 'finished', urls, fileId: fileIdOf(task) }
}

/** Huawei's `FileName` of a single screenshot may be the name alone. */
function textsOf(value: unknown): string[] | undefined {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.every((item) => typeof item === 'string' && item !== '') ? (list as string[]) : undefined
}

function failureMessage({ Message }: Data): string {
  return typeof Message === 'string' ? Message.slice(0, 500) : ''
}

function fileIdOf({ FileId }: Data): string | undefined {
  return (typeof FileId === 'string' && FileId !== '') || typeof FileId === 'number' ? String(FileId) : undefined
}

/** Never repeated: a second start makes a second task, and costs again. The id of the task is in `Data.Tencent.TaskId`, or `Data.Huawei.task_id`. */
export async function start(caller: Caller, body: StartBody): Promise<{ taskId: string } | ApiFailure> {
  const answer = await call(caller, 'MediaThumbnails', parametersOf(body))
  if (isFailure(answer)) return answer
  const task = answer.data[body.Vendor]
  const id = isObject(task) ? (task.TaskId ?? task.task_id) : undefined
  if ((typeof id === 'string' && id !== '') || typeof id === 'number') return { taskId: String(id) }
  return { code: 'zego_unknown', why: 'it accepted the task but answered no task id' }
}
