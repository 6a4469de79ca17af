/**
 * ZEGOCLOUD's server API as far as screenshots need it: `MediaThumbnails`, `DescribeMediaTask`, and the callback.
 *
 * It checks signatures and parameters, keeps tasks, finishes them after a while and calls back with the real schedule.
 * What goes wrong is ordered by words in a task's FileId (`lecture+drop`), or for everything by `POST /control`.
 */
import { createHash, randomInt } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { callbackFor, deliver, stamp, taskIdFor, type Callback, type DeliverOptions, type Vendor } from './zegocloud.ts'

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

type Task = {
  callback: Callback
  vendor: Vendor
  type: string
  fileId: string
  startedAt: number
  troubles: Set<Trouble>
}

/** Requests, by action and in the busiest second of an app. */
export type Counts = { started: number; described: number; refused: number; mostInASecond: number }

type Reply = { Code: number; Message: string; RequestId: string; Data?: unknown }

/** ZEGOCLOUD's own limit, for each app. */
const MOST_REQUESTS_A_SECOND = 20
const CLOCK_SECONDS = 600
const FINISH_AFTER_MS = 3_000
const VENDORS: Record<string, Vendor> = { Tencent: 'tencent', Huawei: 'hw' }

export function zegoApi(options: ApiOptions) {
  const tasks = new Map<string, Task>()
  const always = new Set<Trouble>()
  const counts: Counts = { started: 0, described: 0, refused: 0, mostInASecond: 0 }
  const requests = new Map<string, number[]>()

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
    const appid = query.get('AppId') ?? ''
    const wrong = signatureFault(query, options.serverSecrets[appid]) ?? frequencyFault(appid)
    if (wrong) {
      counts.refused += 1
      return wrong
    }
    if (query.get('Action') === 'MediaThumbnails') return start(query)
    if (query.get('Action') === 'DescribeMediaTask') return describe(query)
    return refusal(2, 'unknown Action')
  }

  function frequencyFault(appid: string): Reply | undefined {
    const now = performance.now()
    const recent = (requests.get(appid) ?? []).filter((at) => at > now - 1000)
    recent.push(now)
    requests.set(appid, recent)
    counts.mostInASecond = Math.max(counts.mostInASecond, recent.length)
    return recent.length > MOST_REQUESTS_A_SECOND ? refusal(6, 'too frequent') : undefined
  }

  function start(query: URLSearchParams): Reply | undefined {
    counts.started += 1
    const wrong = parameterFault(query)
    if (wrong) return wrong
    const fileId = query.get('FileId') ?? ''
    const ordered = new Set([...always, ...troublesIn(fileId)])
    if (ordered.has('too-frequent')) return refusal(6, 'too frequent')
    const vendorName = query.get('Vendor') ?? ''
    const vendor = VENDORS[vendorName] ?? 'tencent'
    const task_id = taskIdFor(vendor)
    const seconds = query.getAll('ExtTimeOffsetSet').map(Number)
    begin(task_id, { vendor, fileId, type: query.get('Type') ?? '', seconds, ordered, appid: query.get('AppId') ?? '' })
    if (ordered.has('hang')) return undefined // begun all the same
    const RequestId = requestId()
    return ok(vendor === 'hw' ? { Huawei: { task_id } } : { Tencent: { TaskId: task_id, RequestId } })
  }

  function begin(
    task_id: string,
    begun: { vendor: Vendor; fileId: string; type: string; seconds: number[]; ordered: Set<Trouble>; appid: string },
  ) {
    const { vendor, fileId, type, seconds, ordered, appid } = begun
    const { callbackSecret: secret, picturesAt = 'http://127.0.0.1:8788' } = options
    const made = callbackFor({ secret, appid, vendor, task_id, pictures: seconds.length || 3, picturesAt })
    const snapshot_pic_list = made.snapshot_pic_list.map(({ url }, place) => {
      const offset = seconds[place]
      return vendor === 'tencent' && offset !== undefined ? { url, offset: offset * 1000 } : { url }
    })
    const source = vendor === 'tencent' ? { field_id: fileId } : {}
    const callback = { ...made, ...source, snapshot_pic_list }
    tasks.set(task_id, { callback, vendor, type, fileId, startedAt: performance.now(), troubles: ordered })
    setTimeout(() => void callBack(task_id), options.finishAfterMs ?? FINISH_AFTER_MS).unref()
  }

  async function callBack(task_id: string) {
    const task = tasks.get(task_id)
    if (!task || task.troubles.has('drop') || task.troubles.has('fail')) return
    const { callbackUrl, callbackSecret: secret, delivery, onDelivered } = options
    const how: DeliverOptions = { secret, encoding: 'json', retry: 're-signed', ...delivery }
    const { delivered } = await deliver(callbackUrl, { ...task.callback, ...stamp(secret) }, how)
    onDelivered?.(task_id, delivered)
  }

  function describe(query: URLSearchParams): Reply | undefined {
    counts.described += 1
    const TaskId = query.get('TaskId') ?? ''
    const vendorName = query.get('Vendor') ?? ''
    const vendor = VENDORS[vendorName]
    if (!vendor) return refusal(2, 'Vendor is wrong')
    const task = tasks.get(TaskId)
    const ordered = new Set([...always, ...(task?.troubles ?? [])])
    if (ordered.has('too-frequent')) return refusal(6, 'too frequent')
    if (ordered.has('hang')) return undefined
    const isKnown = task?.callback.appid === query.get('AppId') && !ordered.has('forget')
    if (!task || !isKnown)
      return vendor === 'hw' ? ok({ Huawei: { TaskId, Status: 'NO_TASK' } }) : refusal(1000, 'failed')
    if (task.vendor !== vendor) return refusal(4, 'CDN type mismatch')
    const isOver = performance.now() - task.startedAt >= (options.finishAfterMs ?? FINISH_AFTER_MS)
    const urls = task.callback.snapshot_pic_list.map(({ url }) => (ordered.has('disagree') ? `${url}&other=1` : url))
    return ok(vendor === 'hw' ? { Huawei: huawei(TaskId, urls) } : { Tencent: tencent(TaskId, task, urls) })

    function huawei(id: string, absolute: string[]) {
      const Status = isOver ? (ordered.has('fail') ? 'FAILED' : 'SUCCEEDED') : 'PROCESSING'
      const FileName = absolute.map((url) => (ordered.has('disagree') ? `other${nameOf(url)}` : nameOf(url).slice(1)))
      return { TaskId: id, Status, CreateTime: utc(), ...(Status === 'SUCCEEDED' && { EndTime: utc(), FileName }) }
    }

    function tencent(id: string, { type, fileId }: Task, ThumbnailsUrl: string[]) {
      const Status = isOver ? (ordered.has('fail') ? 'FAIL' : 'FINISH') : 'PROCESSING'
      const Message = Status === 'FAIL' ? 'the source file cannot be decoded' : ''
      return { TaskId: id, Event: type, Status, FileId: fileId, Message, ...(Status === 'FINISH' && { ThumbnailsUrl }) }
    }
  }

  return { server, counts, tasks }
}

function send(response: ServerResponse, body: unknown) {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const requestId = () => String(randomInt(1e9, 1e12))
const ok = (Data: unknown): Reply => ({ Code: 0, Message: 'success', RequestId: requestId(), Data })
const refusal = (Code: number, Message: string): Reply => ({ Code, Message, RequestId: requestId() })

function signatureFault(query: URLSearchParams, secret: string | undefined): Reply | undefined {
  const nonce = query.get('SignatureNonce') ?? ''
  const timestamp = query.get('Timestamp') ?? ''
  if (secret === undefined) return refusal(7, 'authentication failed')
  const isForm = /^[0-9a-f]{16}$/i.test(nonce) && /^\d{10}$/.test(timestamp) && query.get('SignatureVersion') === '2.0'
  const signature = createHash('md5')
    .update(query.get('AppId') + nonce + secret + timestamp)
    .digest('hex')
  if (!isForm || query.get('Signature') !== signature) return refusal(100000005, 'signature invalid')
  return Math.abs(Date.now() / 1000 - Number(timestamp)) > CLOCK_SECONDS
    ? refusal(100000004, 'signature expired')
    : undefined
}

function parameterFault(query: URLSearchParams): Reply | undefined {
  const vendor = query.get('Vendor') ?? ''
  const type = query.get('Type') ?? ''
  const has = (name: string) => (query.get(name) ?? '') !== ''
  const isRight =
    vendor in VENDORS &&
    has('FileId') &&
    ['SnapshotByTimeOffset', 'SampleSnapshot'].includes(type) &&
    (type !== 'SnapshotByTimeOffset' || query.getAll('ExtTimeOffsetSet').some((seconds) => Number(seconds) >= 0)) &&
    has(vendor === 'Tencent' ? 'Definition' : 'Interval')
  return isRight ? undefined : refusal(2, 'parameter error')
}

/** The words in a text that name a trouble. */
function troublesIn(given: string): Trouble[] {
  const words = new Set(given.match(/[a-z]+(?:-[a-z]+)*/g))
  return (Object.keys(troubles) as Trouble[]).filter((trouble) => words.has(trouble))
}

/** Huawei's object name: the URL's path. */
const nameOf = (url: string) => new URL(url).pathname

/** `yyyyMMddHHmmss` */
const utc = () => new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)
