/** `POST /zego/callback`, and `/zego/callback/<token>`: what ZEGOCLOUD calls. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { Hono } from 'hono/tiny'
import { isRightPath, pathWithoutToken, tokenIn } from '../token.ts'
import { type RawBody, ROW_LIMIT_BYTES } from '../callback/bytes.ts'
import { decode, taskIdOf } from '../callback/decode.ts'
import { signedText } from '../callback/json.ts'
import { describeRefusal, unlessRefused } from '../callback/refusal.ts'
import { TEST_EVENT } from '../callback/snapshot.ts'
import { keepRefused, keepUnverifiedBody, type RefusedRequest } from '../evidence.ts'
import { log, messageOf } from '../log.ts'
import { publish } from '../publish/publish.ts'
import { type Outcome, receive, type RefusedCallback } from '../receive.ts'
import { type Env, isFault, readSettings, rulesOf, type SettingFault, type Settings, versionOf } from '../settings.ts'
import { canAskOf } from '../zego/config.ts'
import { answer } from './answer.ts'
import { noteRefused, noteTaken } from './note.ts'
import { notFound, ProblemError } from './problem.ts'
import { readBody, requestId } from './request.ts'

/** Publishing, or a line of the log, in the same moment as the answer would slow the answer down. */
const AFTER_ANSWER_MS = 5

export const callback = new Hono<{ Bindings: Env }>()

callback.all('/zego/callback', async (c) => {
  const settings = readSettings(c.env)
  const { pathTokens } = settings
  const path = new URL(c.req.url).pathname
  // While the path tokens cannot be read, no path can be judged.
  if (!isFault(pathTokens) && !(await isRightPath(path, pathTokens))) {
    throw notFound('This is not the URL for callbacks. Check the path token in the URL that ZEGOCLOUD has.')
  }
  if (c.req.method !== 'POST') throw onlyPosted()
  const began = Date.now()
  const bytes = await readBody(c.req.raw, ROW_LIMIT_BYTES)
  const raw = rawOf(c.req.raw, bytes ?? new Uint8Array())
  const received = bytes === undefined ? tooLarge(settings) : await take(raw, settings, c.env)
  const request = { raw, path, receivedAt: began, version: versionOf(c.env) }
  c.executionCtx.waitUntil(afterAnswer(received, request, settings, c.env, requestId(c)))
  return answer(received)
})

function rawOf({ headers }: Request, bytes: Uint8Array): RawBody {
  return { bytes, contentType: headers.get('content-type'), contentEncoding: headers.get('content-encoding') }
}

async function take(raw: RawBody, settings: Settings, env: Env): Promise<Outcome> {
  const rules = rulesOf(settings, canAskOf(settings))
  if (isFault(settings.pathTokens)) return notConfigured(settings.pathTokens)
  if (isFault(rules)) return notConfigured(rules)
  return receive(raw, rules, Date.now(), env)
}

/** A setting that is missing comes before the size. */
function tooLarge(settings: Settings): RefusedCallback {
  const fault = [settings.pathTokens, settings.secrets, settings.toleranceSeconds].find((setting) => isFault(setting))
  return fault ? notConfigured(fault) : { status: 'refused', refusal: { code: 'body_too_large' } }
}

function notConfigured({ setting, why }: SettingFault): RefusedCallback {
  return { status: 'refused', refusal: { code: 'not_configured', setting, why } }
}

function onlyPosted(): ProblemError {
  return new ProblemError({
    code: 'method_not_allowed',
    status: 405,
    title: 'Callbacks are POSTed here',
    detail: 'ZEGOCLOUD POSTs callbacks to this URL. Results are read at GET /v1/snapshots/<task_id>.',
    headers: { allow: 'POST' },
  })
}

/** Never throws: what fails here is published by the sweep, or was evidence, kept at best effort. */
async function afterAnswer(
  received: Outcome,
  request: RefusedRequest,
  settings: Settings,
  env: Env,
  request_id: string,
): Promise<void> {
  const duration_ms = Date.now() - request.receivedAt
  await scheduler.wait(AFTER_ANSWER_MS)
  const decoded = await decodedOf(received, request.raw)
  report({ ...received, decoded }, request, { request_id, duration_ms })
  if (received.status === 'stored') await publish([received.publication], env, settings, Date.now())
  // At the time of receipt: health asks which of the two came last.
  const isTest = decoded !== undefined && signedText(decoded.fields.get('event')) === TEST_EVENT
  if (received.status === 'refused') {
    if (!isTest) await noteRefused(env.DB, received.refusal.code, request.receivedAt)
    await quietly('callback.unkept', () => keepRefused({ ...received, decoded }, request, env.DB))
  } else if (!isTest) await noteTaken(env.DB, tokenIn(request.path) !== '', request.receivedAt)
}

/** While a setting is missing nothing is decoded before the answer. */
async function decodedOf(received: Outcome, raw: RawBody): Promise<Outcome['decoded']> {
  if (received.status !== 'refused' || received.refusal.code !== 'not_configured') return received.decoded
  return unlessRefused(decode(raw))
}

function report({ decoded, ...received }: Outcome, { raw }: RefusedRequest, facts: Record<string, unknown>): void {
  const about = { task_id: decoded && taskIdOf(decoded), appid: decoded?.envelope.appid, ...facts }
  if (received.status !== 'refused') {
    const { status, publication: _, ...outcome } = { publication: undefined, ...received }
    return log('info', `callback.${status}`, { ...outcome, ...about })
  }
  const { refusal } = received
  const { status } = describeRefusal(refusal)
  const { bytes, contentType: content_type, contentEncoding: content_encoding } = raw
  const level = status >= 500 || status === 413 ? 'error' : 'warn'
  const body = { content_type, content_encoding, length: bytes.length }
  log(level, 'callback.refused', { status, ...refusal, ...body, ...about })
}

const ASKED_FOR_MS = 10_000

/**
 * A callback that was POSTed to another path than its own, on whatever path of this host, is kept: someone has mistyped
 * the URL. Only what decodes to a callback counts.
 */
export const keepMisdirected = createMiddleware<{ Bindings: Env }>(async (c, next) => {
  const { pathname } = new URL(c.req.url)
  if (c.req.method !== 'POST') return next()
  const isCallbackPath = tokenIn(pathname) !== undefined
  const copy = isCallbackPath ? c.req.raw : c.req.raw.clone()
  const began = Date.now()
  await next()
  if (![401, 403, 404, 405].includes(c.res.status) || (isCallbackPath && c.res.status !== 404)) return
  c.executionCtx.waitUntil(quietly('callback.unkept', () => keepCopy(c, copy, pathname, began)))
})

async function keepCopy(c: Context<{ Bindings: Env }>, copy: Request, path: string, began: number): Promise<void> {
  const bytes = await Promise.race([readBody(copy, ROW_LIMIT_BYTES), scheduler.wait(ASKED_FOR_MS)])
  if (!(bytes instanceof Uint8Array)) return
  const raw = rawOf(copy, bytes)
  const decoded = await unlessRefused(decode(raw))
  if (decoded === undefined) return
  const now = Date.now()
  const shown = pathWithoutToken(path, readSettings(c.env))
  const facts = { status: c.res.status, path: shown, task_id: taskIdOf(decoded), appid: decoded.envelope.appid }
  log('warn', 'callback.misdirected', { ...facts, duration_ms: now - began, request_id: requestId(c) })
  const request = { raw, path, receivedAt: now, version: versionOf(c.env) }
  const detail = `It was POSTed to ${shown}, which is not the URL for callbacks.`
  await keepUnverifiedBody('wrong_path', detail, request, c.env.DB, decoded)
  await noteRefused(c.env.DB, 'wrong_path', now)
}

async function quietly(event: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    log('warn', event, { why: messageOf(error) })
  }
}
