/**
 * ZEGOCLOUD's server API as far as screenshots need it: `MediaThumbnails`, `DescribeMediaTask`, and the callback.
 *
 * It checks signatures and parameters, keeps tasks, finishes them after a while and calls back with the real schedule.
 * What goes wrong with a task is told by a word in its FileId: `lecture+drop`.
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:http'
import { type Callback, callbackFor, deliver, signQuery, stamp, taskIdFor, type Vendor } from './callback.ts'

/**
 * `drop`: its callback is lost; `fail`: it fails, and no callback ever comes; `disagree`: the answer about it has other
 * pictures than its callback; `forget`: it is not known when it is asked for.
 */
const TROUBLES = ['drop', 'fail', 'disagree', 'forget'] as const
type Trouble = (typeof TROUBLES)[number]

export type ApiOptions = {
  /** ServerSecrets by appid. */
  serverSecrets: Record<string, string>
  callbackUrl: string
  callbackSecret: string
  /** From a task's start to its end. */
  finishAfterMs?: number
  picturesAt?: string
}

type Task = { callback: Callback; vendor: Vendor; endsAt: number; trouble: Trouble | undefined }

type Reply = { Code: number; Message: string; RequestId: string; Data?: unknown }

const CLOCK_SECONDS = 600
const FINISH_AFTER_MS = 3_000
const VENDORS: Record<string, Vendor> = { Tencent: 'tencent', Huawei: 'hw' }

export function serverApi(options: ApiOptions) {
  const { callbackSecret: secret, finishAfterMs = FINISH_AFTER_MS, picturesAt = 'http://127.0.0.1:8788' } = options
  const tasks = new Map<string, Task>()
  const actions: Record<string, (query: URLSearchParams) => Reply> = {
    MediaThumbnails: start,
    DescribeMediaTask: describe,
  }

  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://zegocloud.test').searchParams
    const { AppId = '', Action = '' } = Object.fromEntries(query)
    const action = actions[Action] ?? (() => refusal(2, 'unknown Action'))
    const reply = signatureFault(query, options.serverSecrets[AppId]) ?? action(query)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reply))
  })

  function start(query: URLSearchParams): Reply {
    if (!isRight(query)) return refusal(2, 'parameter error')
    const { FileId = '', Vendor = '', AppId = '' } = Object.fromEntries(query)
    const vendor = VENDORS[Vendor] ?? 'tencent'
    const task_id = taskIdFor(vendor)
    const seconds = query.getAll('ExtTimeOffsetSet').map(Number)
    const made = callbackFor({ secret, appid: AppId, vendor, task_id, pictures: seconds.length || 3, picturesAt })
    const snapshot_pic_list = made.snapshot_pic_list.map(({ url }, index) => {
      const offset = vendor === 'tencent' ? seconds[index] : undefined
      return offset === undefined ? { url } : { url, offset: offset * 1000 }
    })
    const callback = { ...made, ...(vendor === 'tencent' && { field_id: FileId }), snapshot_pic_list }
    const trouble = TROUBLES.find((word) => FileId.includes(`+${word}`))
    tasks.set(task_id, { callback, vendor, endsAt: performance.now() + finishAfterMs, trouble })
    if (trouble !== 'drop' && trouble !== 'fail') setTimeout(() => void callBack(callback), finishAfterMs).unref()
    return ok(vendor === 'hw' ? { Huawei: { task_id } } : { Tencent: { TaskId: task_id, RequestId: requestId() } })
  }

  async function callBack(callback: Callback) {
    const signed = { ...callback, ...stamp(secret) }
    await deliver(options.callbackUrl, signed, { secret, encoding: 'json', retry: 're-signed' })
  }

  function describe(query: URLSearchParams): Reply {
    const { TaskId = '', Vendor = '', AppId } = Object.fromEntries(query)
    const vendor = VENDORS[Vendor]
    if (!vendor) return refusal(2, 'Vendor is wrong')
    const task = tasks.get(TaskId)
    if (task?.callback.appid !== AppId || task?.trouble === 'forget') {
      return vendor === 'hw' ? ok({ Huawei: { TaskId, Status: 'NO_TASK' } }) : refusal(1000, 'failed')
    }
    if (task?.vendor !== vendor) return refusal(4, 'CDN type mismatch')
    return ok(vendor === 'hw' ? { Huawei: huaweiOf(task) } : { Tencent: tencentOf(task) })
  }

  return { server, tasks }
}

const stateOf = ({ endsAt, trouble }: Task) =>
  performance.now() < endsAt ? 'running' : trouble === 'fail' ? 'failed' : 'finished'

const urlsOf = ({ callback }: Task) => callback.snapshot_pic_list.map(({ url }) => url)

function tencentOf(task: Task) {
  const Status = { running: 'PROCESSING', failed: 'FAIL', finished: 'FINISH' }[stateOf(task)]
  const Message = Status === 'FAIL' ? 'the source file cannot be decoded' : ''
  const ThumbnailsUrl = urlsOf(task).map((url) => (task.trouble === 'disagree' ? `${url}&other=1` : url))
  const { task_id, field_id } = task.callback
  const common = { TaskId: task_id, Status, FileId: field_id, Message }
  return Status === 'FINISH' ? { ...common, ThumbnailsUrl } : common
}

/** Its object names are the paths of the URLs. */
function huaweiOf(task: Task) {
  const Status = { running: 'PROCESSING', failed: 'FAILED', finished: 'SUCCEEDED' }[stateOf(task)]
  const prefix = task.trouble === 'disagree' ? 'other/' : ''
  const FileName = urlsOf(task).map((url) => new URL(url).pathname.replace('/', prefix))
  const common = { TaskId: task.callback.task_id, Status, CreateTime: utc() }
  return Status === 'SUCCEEDED' ? { ...common, EndTime: utc(), FileName } : common
}

const requestId = () => String(randomInt(1e9, 1e12))
const ok = (Data: unknown): Reply => ({ Code: 0, Message: 'success', RequestId: requestId(), Data })
const refusal = (Code: number, Message: string): Reply => ({ Code, Message, RequestId: requestId() })

function signatureFault(query: URLSearchParams, secret: string | undefined): Reply | undefined {
  if (secret === undefined) return refusal(7, 'authentication failed')
  const { AppId = '', SignatureNonce = '', Timestamp = '', SignatureVersion, Signature } = Object.fromEntries(query)
  const isForm = /^[0-9a-f]{16}$/i.test(SignatureNonce) && /^\d{10}$/.test(Timestamp) && SignatureVersion === '2.0'
  if (!isForm || Signature !== signQuery(AppId, SignatureNonce, secret, Timestamp)) {
    return refusal(100000005, 'signature invalid')
  }
  const isLate = Math.abs(Date.now() / 1000 - Number(Timestamp)) > CLOCK_SECONDS
  return isLate ? refusal(100000004, 'signature expired') : undefined
}

/** Whether the parameters of `MediaThumbnails` are. */
function isRight(query: URLSearchParams): boolean {
  const { Vendor = '', Type = '', FileId, Definition, Interval } = Object.fromEntries(query)
  const hasOffset = query.getAll('ExtTimeOffsetSet').some((seconds) => Number(seconds) >= 0)
  const isType = Type === 'SampleSnapshot' || (Type === 'SnapshotByTimeOffset' && hasOffset)
  return Vendor in VENDORS && isType && Boolean(FileId) && Boolean(Vendor === 'Tencent' ? Definition : Interval)
}

/** `yyyyMMddHHmmss` */
const utc = () => new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)
