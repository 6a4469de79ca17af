/**
 * ZEGOCLOUD's server API as far as screenshots need it: `MediaThumbnails`, `DescribeMediaTask`, and the callback.
 *
 * It checks signatures and parameters, keeps tasks, finishes them after a while and calls back with the real schedule.
 * What goes wrong is ordered by words in a task's FileId (`lecture+drop`), or for everything by `POST /control`.
 */
import { randomInt } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import {
  type Callback,
  callbackFor,
  deliver,
  type DeliverOptions,
  signQuery,
  stamp,
  taskIdFor,
  type Vendor,
} from './callback.ts'

/** What may go wrong with a task. */
export const troubles = {
  drop: 'its callback is lost',
  fail: 'it fails: no callback ever comes',
  disagree: 'the answer about it has other pictures than its callback',
  forget: 'it is not known when it is asked for',
  'too-frequent': 'starting it, or asking for it, is "too frequent"',
  hang: 'starting it, or asking for it, is never answered',
} as const
export type Trouble = keyof typeof troubles

export type ApiOptions = {
  /** ServerSecrets by appid. */
  serverSecrets: Record<string, string>
  callbackUrl: string
  callbackSecret: string
  /** From a task's start to its end. */
  finishAfterMs?: number
  picturesAt?: string
  /** How callbacks are delivered: `timeScale` makes the schedule faster. */
  delivery?: Partial<DeliverOptions>
  /** Told of each callback's end. */
  onDelivered?: (task_id: string, delivered: boolean) => void
}

type Task = { callback: Callback; vendor: Vendor; type: string; endsAt: number; troubles: Set<Trouble> }

type Reply = { Code: number; Message: string; RequestId: string; Data?: unknown }

/** ZEGOCLOUD's own limit, for each app. */
const MOST_REQUESTS_A_SECOND = 20
const CLOCK_SECONDS = 600
const FINISH_AFTER_MS = 3_000
const VENDORS: Record<string, Vendor> = { Tencent: 'tencent', Huawei: 'hw' }
const TOO_FREQUENT = [6, 'too frequent'] as const

export function zegoApi(options: ApiOptions) {
  const { callbackSecret: secret, finishAfterMs = FINISH_AFTER_MS, picturesAt = 'http://127.0.0.1:8788' } = options
  const tasks = new Map<string, Task>()
  const always = new Set<Trouble>()
  /** Requests, by action and in the busiest second of an app. */
  const counts = { started: 0, described: 0, refused: 0, mostInASecond: 0 }
  const requests = new Map<string, number[]>()
  const actions: Record<string, (query: URLSearchParams) => Reply | undefined> = {
    MediaThumbnails: start,
    DescribeMediaTask: describe,
  }

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://zegocloud.test')
    if (pathname === '/control') return void control(request, response)
    const reply = answer(searchParams)
    if (reply) send(response, reply) // else it hangs, until the other side has enough
  })

  /** `GET`: what is ordered, what was counted. `POST {"always":["drop"]}`: from now on, for every task. */
  async function control(request: IncomingMessage, response: ServerResponse) {
    if (request.method === 'POST') {
      const wanted = troublesIn(await text(request))
      always.clear()
      for (const trouble of wanted) always.add(trouble)
    }
    send(response, { always: [...always], troubles, counts, tasks: [...tasks.keys()] })
  }

  function answer(query: URLSearchParams): Reply | undefined {
    const { AppId = '', Action = '' } = Object.fromEntries(query)
    const wrong = signatureFault(query, options.serverSecrets[AppId]) ?? frequencyFault(AppId)
    if (wrong) counts.refused += 1
    return wrong ?? (actions[Action] ?? (() => refusal(2, 'unknown Action')))(query)
  }

  function frequencyFault(appid: string): Reply | undefined {
    const now = performance.now()
    const recent = [...(requests.get(appid) ?? []).filter((at) => at > now - 1000), now]
    requests.set(appid, recent)
    counts.mostInASecond = Math.max(counts.mostInASecond, recent.length)
    return recent.length > MOST_REQUESTS_A_SECOND ? refusal(...TOO_FREQUENT) : undefined
  }

  function start(query: URLSearchParams): Reply | undefined {
    counts.started += 1
    if (!isRight(query)) return refusal(2, 'parameter error')
    const { FileId = '', Vendor = '', Type = '', AppId = '' } = Object.fromEntries(query)
    const ordered = new Set([...always, ...troublesIn(FileId)])
    if (ordered.has('too-frequent')) return refusal(...TOO_FREQUENT)
    const vendor = VENDORS[Vendor] ?? 'tencent'
    const callback = callbackOf(query.getAll('ExtTimeOffsetSet').map(Number), { vendor, appid: AppId, FileId })
    const { task_id } = callback
    tasks.set(task_id, { callback, vendor, type: Type, endsAt: performance.now() + finishAfterMs, troubles: ordered })
    setTimeout(() => void callBack(task_id), finishAfterMs).unref()
    if (ordered.has('hang')) return undefined // begun all the same
    return ok(vendor === 'hw' ? { Huawei: { task_id } } : { Tencent: { TaskId: task_id, RequestId: requestId() } })
  }

  /** @param seconds the time points that were asked for; without any, three pictures without offsets */
  function callbackOf(seconds: number[], of: { vendor: Vendor; appid: string; FileId: string }): Callback {
    const { vendor, appid, FileId } = of
    const task_id = taskIdFor(vendor)
    const made = callbackFor({ secret, appid, vendor, task_id, pictures: seconds.length || 3, picturesAt })
    const snapshot_pic_list = made.snapshot_pic_list.map(({ url }, index) => {
      const offset = vendor === 'tencent' ? seconds[index] : undefined
      return offset === undefined ? { url } : { url, offset: offset * 1000 }
    })
    return { ...made, ...(vendor === 'tencent' && { field_id: FileId }), snapshot_pic_list }
  }

  async function callBack(task_id: string) {
    const task = tasks.get(task_id)
    if (!task || task.troubles.has('drop') || task.troubles.has('fail')) return
    const how: DeliverOptions = { secret, encoding: 'json', retry: 're-signed', ...options.delivery }
    const { delivered } = await deliver(options.callbackUrl, { ...task.callback, ...stamp(secret) }, how)
    options.onDelivered?.(task_id, delivered)
  }

  function describe(query: URLSearchParams): Reply | undefined {
    counts.described += 1
    const { TaskId = '', Vendor = '', AppId } = Object.fromEntries(query)
    const vendor = VENDORS[Vendor]
    if (!vendor) return refusal(2, 'Vendor is wrong')
    const task = tasks.get(TaskId)
    const ordered = new Set([...always, ...(task?.troubles ?? [])])
    if (ordered.has('too-frequent')) return refusal(...TOO_FREQUENT)
    if (ordered.has('hang')) return undefined
    if (task?.callback.appid !== AppId || ordered.has('forget')) {
      return vendor === 'hw' ? ok({ Huawei: { TaskId, Status: 'NO_TASK' } }) : refusal(1000, 'failed')
    }
    if (task?.vendor !== vendor) return refusal(4, 'CDN type mismatch')
    return ok(vendor === 'hw' ? { Huawei: huaweiOf(task, ordered) } : { Tencent: tencentOf(task, ordered) })
  }

  return { server, counts, tasks }
}

const stateOf = ({ endsAt }: Task, ordered: Set<Trouble>) =>
  performance.now() < endsAt ? 'running' : ordered.has('fail') ? 'failed' : 'finished'

const urlsOf = ({ callback }: Task) => callback.snapshot_pic_list.map(({ url }) => url)

function tencentOf(task: Task, ordered: Set<Trouble>) {
  const Status = { running: 'PROCESSING', failed: 'FAIL', finished: 'FINISH' }[stateOf(task, ordered)]
  const Message = Status === 'FAIL' ? 'the source file cannot be decoded' : ''
  const ThumbnailsUrl = urlsOf(task).map((url) => (ordered.has('disagree') ? `${url}&other=1` : url))
  const { task_id, field_id } = task.callback
  const common = { TaskId: task_id, Event: task.type, Status, FileId: field_id, Message }
  return Status === 'FINISH' ? { ...common, ThumbnailsUrl } : common
}

/** Its object names are the paths of the URLs. */
function huaweiOf(task: Task, ordered: Set<Trouble>) {
  const Status = { running: 'PROCESSING', failed: 'FAILED', finished: 'SUCCEEDED' }[stateOf(task, ordered)]
  const FileName = urlsOf(task).map((url) =>
    new URL(url).pathname.replace('/', ordered.has('disagree') ? 'other/' : ''),
  )
  const common = { TaskId: task.callback.task_id, Status, CreateTime: utc() }
  return Status === 'SUCCEEDED' ? { ...common, EndTime: utc(), FileName } : common
}

function send(response: ServerResponse, body: unknown) {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
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

/** The words in a text that name a trouble. */
function troublesIn(given: string): Trouble[] {
  const words = new Set(given.match(/[a-z]+(?:-[a-z]+)*/g))
  return (Object.keys(troubles) as Trouble[]).filter((trouble) => words.has(trouble))
}

/** `yyyyMMddHHmmss` */
const utc = () => new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)
