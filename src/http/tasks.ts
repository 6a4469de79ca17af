/** Tasks of our own at ZEGOCLOUD: started, registered, confirmed. For whoever has the API token. */
import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import { answerOf } from '../callback/refusal.ts'
import { parse } from '../callback/json.ts'
import { readSnapshot } from '../callback/content.ts'
import type { PendingRecord, SnapshotRecord } from '../event.ts'
import { log, messageOf } from '../log.ts'
import { type Env, isFault, type SettingFault } from '../settings.ts'
import { register } from '../store/pending.ts'
import { findRecord } from '../store/snapshots.ts'
import { callerFor, isObject, isFailure, type ApiFailure } from '../zego/client.ts'
import { confirm } from '../zego/confirm.ts'
import { appOf, appRule, type Fault, orderOf } from '../zego/parameters.ts'
import { zegoConfig } from '../zego/config.ts'
import { start } from '../zego/describe.ts'
import { vendorOf } from '../zego/vendor.ts'
import { readBody } from './body.ts'
import { partOf } from './path.ts'
import { notFound, problem } from './problem.ts'
import { orUnavailable } from './storage.ts'

const BODY_LIMIT_BYTES = 65_536
const PREFIX = '/v1/snapshots/'
/** `/v1/snapshots/{task_id}` */
const TASK_ID_PART = 3

/** A task that was started is known to nobody else: it is registered with patience. */
const REGISTER_ATTEMPTS = 3
const REGISTER_AGAIN_MS = 500

export const tasks = new Hono<{ Bindings: Env }>()

tasks.post('/v1/snapshots', async (c) => {
  const section = zegoConfig(c.env)
  if (isFault(section)) return notConfigured(section)
  const given = await readJson(c)
  if (given instanceof Response) return given
  const order = orderOf(given, [...section.secrets.keys()])
  if ('parameter' in order) return invalid(order)
  const { appid, vendor } = order
  const caller = callerFor(section, appid, c.env.DB)!

  return orUnavailable('start', async () => {
    const started = await start(caller, order)
    if (isFailure(started)) return refused(started, startIsUnknown(started))
    const record = pendingRecord(started.taskId, appid, vendor.record)
    log('info', 'task.started', { task_id: started.taskId, appid })
    const stored = await registerWithPatience(c.env.DB, record)
    return stored === undefined ? unregistered(started.taskId) : created(stored)
  })
})

tasks.put('/v1/snapshots/:task_id', async (c) => {
  const section = zegoConfig(c.env)
  if (isFault(section)) return notConfigured(section)
  const given = await readJson(c)
  if (given instanceof Response) return given
  const task = taskOf(partOf(c.req.url, TASK_ID_PART), given, [...section.secrets.keys()])
  if (!('status' in task)) return invalid(task)

  return orUnavailable('register', async () => {
    const { record, isNew } = await register(c.env.DB, task)
    if (!isNew) return Response.json(record)
    log('info', 'task.registered', { task_id: task.task_id, appid: task.appid })
    return created(record)
  })
})

tasks.get('/v1/snapshots/:task_id/confirmation', async (c) => {
  const section = zegoConfig(c.env)
  if (isFault(section)) return notConfigured(section)
  const fault = queryFault(c)
  if (fault) return invalid(fault)

  return orUnavailable('confirm', async () => {
    const row = await findRecord(c.env.DB, partOf(c.req.url, TASK_ID_PART))
    if (row === undefined) return notFound('No such task is known, so there is nothing to be confirmed.')
    const record = JSON.parse(row.record) as SnapshotRecord
    const caller = callerFor(section, record.appid, c.env.DB)
    if (caller === undefined) {
      return notConfigured({ setting: 'ZEGO_SERVER_SECRET', why: `it has no secret for the app ${record.appid}` })
    }
    const vendor = vendorOf(record.vendor)
    if (vendor === undefined) return unknownVendor(record.vendor)
    const confirmation = await confirm(caller, record, vendor)
    return isFailure(confirmation)
      ? refused(confirmation, 'ZEGOCLOUD gave no answer that can be read')
      : Response.json(confirmation, { headers: { 'cache-control': 'no-store' } })
  })
})

async function readJson(c: Context): Promise<Record<string, unknown> | Response> {
  const fault = queryFault(c)
  if (fault) return invalid(fault)
  const body = await readBody(c.req.raw, BODY_LIMIT_BYTES)
  if (body === undefined) {
    const detail = `At most ${BODY_LIMIT_BYTES} bytes of JSON are read here.`
    return problem({ code: 'body_too_large', status: 413, title: 'The body is too large', detail })
  }
  const given = parse(new TextDecoder().decode(body))
  return isObject(given) ? given : invalid({ parameter: 'body', why: 'it has to be a JSON object' })
}

function queryFault(c: Context): Fault | undefined {
  const [parameter] = new URL(c.req.url).searchParams.keys()
  return parameter === undefined ? undefined : { parameter, why: 'nothing is read from the query here' }
}

/** A task that somebody else has started. */
function taskOf(taskId: string, given: Record<string, unknown>, appids: readonly string[]): PendingRecord | Fault {
  const unknown = Object.keys(given).find((name) => name !== 'vendor' && name !== 'appid')
  if (unknown !== undefined) return { parameter: unknown, why: 'there is no such field; there are vendor and appid' }
  const vendor = vendorOf(given.vendor)
  if (vendor === undefined) return { parameter: 'vendor', why: 'it has to be "tencent" or "hw"' }
  const appid = appOf(given.appid, appids)
  if (appid === undefined) return { parameter: 'appid', why: appRule(appids) }
  const record = pendingRecord(taskId, appid, vendor.record)
  const why = whyUnusable(record)
  return why === undefined ? record : { parameter: 'task_id', why }
}

/** A callback's own rules hold for a task that waits for one. */
function whyUnusable({ task_id, appid, vendor }: PendingRecord): string | undefined {
  const content = {
    event: 'snapshot',
    appid,
    task_id,
    vendor,
    field_id: undefined,
    snapshot_pic_list: [],
    extra: undefined,
  }
  const read = readSnapshot(content, 0, undefined, 0)
  return 'reason' in read ? read.detail : undefined
}

function pendingRecord(task_id: string, appid: string, vendor: string): PendingRecord {
  return { task_id, status: 'pending', appid, vendor, registered_at: new Date().toISOString() }
}

async function registerWithPatience(db: D1Database, record: PendingRecord): Promise<SnapshotRecord | undefined> {
  for (let attempt = 1; attempt <= REGISTER_ATTEMPTS; attempt += 1) {
    try {
      return (await register(db, record)).record
    } catch (error) {
      log('error', 'task.unregistered', { task_id: record.task_id, attempt, why: messageOf(error) })
      if (attempt < REGISTER_ATTEMPTS) await scheduler.wait(REGISTER_AGAIN_MS)
    }
  }
}

function created(record: SnapshotRecord): Response {
  const location = PREFIX + encodeURIComponent(record.task_id)
  return Response.json(record, { status: 201, headers: { location } })
}

function startIsUnknown({ code }: ApiFailure): string {
  return code === 'zego_unknown' ? 'The task may have begun' : 'The task has not begun'
}

function refused(refusal: ApiFailure, title: string): Response {
  switch (refusal.code) {
    case 'zego_error': {
      const { zegoCode, message, advice } = refusal
      const detail = `ZEGOCLOUD answered ${zegoCode}: ${JSON.stringify(message)}. ${advice}`
      const more = { zego_code: zegoCode, zego_message: message }
      return problem({ code: refusal.code, status: 502, title: 'ZEGOCLOUD refused', detail, more })
    }
    case 'too_frequent': {
      const detail = `ZEGOCLOUD is called too often for this app. Ask again in ${refusal.retryAfterSeconds} s; nothing was done.`
      const headers = { 'retry-after': String(refusal.retryAfterSeconds) }
      return problem({ code: refusal.code, status: 429, title: 'Too many calls', detail, headers })
    }
    case 'zego_unknown': {
      const detail = `ZEGOCLOUD was asked, and ${refusal.why}. It was not asked again: look at its console, or wait for the callback, before you do.`
      return problem({ code: refusal.code, status: 504, title, detail })
    }
  }
}

function unregistered(task_id: string): Response {
  return problem({
    code: 'storage_unavailable',
    status: 503,
    title: 'The task has begun, and is not registered',
    detail: `Do not start it again: PUT /v1/snapshots/${encodeURIComponent(task_id)} registers it. Its callback is received in any case.`,
    headers: { 'retry-after': '2' },
    more: { task_id },
  })
}

function unknownVendor(vendor: string): Response {
  const detail = `ZEGOCLOUD can be asked about tasks of tencent and hw; this one is of ${JSON.stringify(vendor)}.`
  return problem({ code: 'unknown_vendor', status: 409, title: 'ZEGOCLOUD cannot be asked about this task', detail })
}

function notConfigured(fault: SettingFault): Response {
  const code = 'not_configured'
  return problem({ code, ...answerOf({ code, ...fault }) })
}

function invalid({ parameter, why }: Fault): Response {
  const detail = `${parameter} cannot be used: ${why}.`
  return problem({ code: 'invalid_request', status: 400, title: 'A parameter is wrong', detail, more: { parameter } })
}
