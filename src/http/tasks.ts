/** Tasks of our own at ZEGOCLOUD: started, registered, confirmed. For whoever has the API token. */
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { Hono } from 'hono/tiny'
import { jsonOf } from '../callback/content.ts'
import { isObject, parse } from '../callback/json.ts'
import { readSnapshot } from '../callback/snapshot.ts'
import type { PendingRecord, SnapshotRecord } from '../event.ts'
import { log, messageOf } from '../log.ts'
import { isFault } from '../settings.ts'
import { register } from '../store/pending.ts'
import { findRecord } from '../store/snapshots.ts'
import { callerFor, isFailure, type ApiFailure } from '../zego/client.ts'
import { confirm } from '../zego/confirm.ts'
import {
  appOf,
  appRule,
  normalizeRegistration,
  normalizeStart,
  registrationBody,
  startBody,
  vendorOf,
  type ZegoConfig,
  zegoConfig,
} from '../zego/parameters.ts'
import { start } from '../zego/describe.ts'
import { type Api, partOf, report } from './api.ts'
import { notConfigured, notFound, ProblemError, unavailable } from './problem.ts'
import { checked, invalid, noQuery, readQuery } from './query.ts'

const BODY_LIMIT_BYTES = 65_536
const PREFIX = '/v1/snapshots/'
/** `/v1/snapshots/{task_id}` */
const TASK_ID_PART = 3

/** Nobody else knows of a task that was started: registering it is tried several times. */
const REGISTER_ATTEMPTS = 3
const REGISTER_AGAIN_MS = 500

export const tasks = new Hono<Api>()

const limited = bodyLimit({
  maxSize: BODY_LIMIT_BYTES,
  onError: () => {
    const detail = `The body may have at most ${BODY_LIMIT_BYTES} bytes.`
    throw new ProblemError({ code: 'body_too_large', detail })
  },
})

tasks.post('/v1/snapshots', limited, async (c) => {
  const config = configOf(c)
  const body = checked(startBody(), normalizeStart(await readJson(c)))
  const appid = appidOf(config, 'AppId', body.AppId)
  const started = await start(callerFor(config, appid, c.env.DB)!, body)
  if (isFailure(started)) throw refused(started, START_AGAIN)
  const record = pendingRecord(started.taskId, appid, vendorOf(body.Vendor)!.record)
  report(c, 'task.started', { task_id: started.taskId, appid })
  return created(c, await registerWithPatience(c.env.DB, record))
})

tasks.put('/v1/snapshots/:task_id', limited, async (c) => {
  const config = configOf(c)
  const { vendor, appid } = checked(registrationBody(), normalizeRegistration(await readJson(c)))
  const task = pendingRecord(partOf(c.req.url, TASK_ID_PART), appidOf(config, 'appid', appid), vendor)
  const why = whyUnusable(task)
  if (why !== undefined) throw invalid('task_id', why)
  const { record, isNew } = await register(c.env.DB, task)
  if (!isNew) return c.json(record)
  report(c, 'task.registered', { task_id: task.task_id, appid: task.appid })
  return created(c, record)
})

tasks.get('/v1/snapshots/:task_id/confirmation', async (c) => {
  const config = configOf(c)
  readQuery(c.req.url, noQuery)
  const row = await findRecord(c.env.DB, partOf(c.req.url, TASK_ID_PART))
  if (row === undefined) throw notFound('No task with this id is known, so there is nothing to confirm.')
  const record = JSON.parse(row.record) as SnapshotRecord
  const caller = callerFor(config, record.appid, c.env.DB)
  if (caller === undefined) {
    throw notConfigured({ setting: 'ZEGO_SERVER_SECRET', why: `it has no secret for the app ${record.appid}` })
  }
  const vendor = vendorOf(record.vendor)
  if (vendor === undefined) throw unknownVendor(record.vendor)
  const confirmation = await confirm(caller, record, vendor)
  if (isFailure(confirmation)) throw refused(confirmation, 'Nothing was changed: ask again later.')
  return c.json(confirmation)
})

function configOf(c: Context<Api>): ZegoConfig {
  const config = zegoConfig(c.get('settings'))
  if (isFault(config)) throw notConfigured(config)
  return config
}

async function readJson(c: Context<Api>): Promise<Record<string, unknown>> {
  readQuery(c.req.url, noQuery)
  const given = parse(await c.req.text())
  if (isObject(given)) return given
  throw invalid('body', 'The body must be a JSON object.')
}

function appidOf({ secrets }: ZegoConfig, parameter: string, named: string | undefined): string {
  const appids = [...secrets.keys()]
  const appid = appOf(named, appids)
  if (appid === undefined) throw invalid(parameter, `${parameter} ${appRule(appids)}.`)
  return appid
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
  const read = readSnapshot(content, jsonOf(content), undefined, 0)
  return 'reason' in read ? read.detail : undefined
}

function pendingRecord(task_id: string, appid: string, vendor: string): PendingRecord {
  return { task_id, status: 'pending', appid, vendor, registered_at: new Date().toISOString() }
}

async function registerWithPatience(db: D1Database, record: PendingRecord): Promise<SnapshotRecord> {
  for (let attempt = 1; attempt <= REGISTER_ATTEMPTS; attempt += 1) {
    try {
      return (await register(db, record)).record
    } catch (error) {
      const { task_id, appid } = record
      log('error', 'task.unregistered', { task_id, appid, attempt, why: messageOf(error) })
      if (attempt < REGISTER_ATTEMPTS) await scheduler.wait(REGISTER_AGAIN_MS)
    }
  }
  throw unregistered(record.task_id)
}

function created(c: Context<Api>, record: SnapshotRecord): Response {
  return c.json(record, 201, { location: PREFIX + encodeURIComponent(record.task_id) })
}

/** A second start would cost again. */
const START_AGAIN =
  'The task may have started, and ZEGOCLOUD was not asked again: look at its console, or wait for the callback, before you start it again.'

/** @param advice what to do where no answer came */
function refused(refusal: ApiFailure, advice: string): ProblemError {
  switch (refusal.code) {
    case 'zego_error': {
      const { zegoCode, message } = refusal
      const detail = `ZEGOCLOUD answered ${zegoCode}: ${JSON.stringify(message)}. ${refusal.advice}`
      const more = { zego_code: zegoCode, zego_message: message }
      return new ProblemError({ code: refusal.code, detail, more })
    }
    case 'too_frequent': {
      const detail = `ZEGOCLOUD is called too often for this app. Nothing was done: send the request again in ${refusal.retryAfterSeconds} s.`
      const headers = { 'retry-after': String(refusal.retryAfterSeconds) }
      return new ProblemError({ code: refusal.code, detail, headers })
    }
    case 'zego_unknown': {
      const detail = `ZEGOCLOUD was asked, but ${refusal.why}. ${advice}`
      return new ProblemError({ code: refusal.code, detail })
    }
  }
}

function unregistered(task_id: string): ProblemError {
  const path = PREFIX + encodeURIComponent(task_id)
  const detail = `The task has started, but it is not registered. Do not start it again: PUT ${path} registers it. Its callback is received in any case.`
  return unavailable(detail, { task_id })
}

function unknownVendor(vendor: string): ProblemError {
  const detail = `Only tasks of the vendors tencent and hw can be confirmed; this one is of ${JSON.stringify(vendor)}.`
  return new ProblemError({ code: 'unknown_vendor', detail })
}
