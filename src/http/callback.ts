/** `POST /zego/callback`, and `/zego/callback/<token>`: what ZEGOCLOUD calls. */
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { Hono } from 'hono/tiny'
import { ROW_LIMIT_BYTES } from '../callback/bytes.ts'
import { decode, taskIdOf } from '../callback/decode.ts'
import { signedText } from '../callback/json.ts'
import { describeRefusal, unlessRefused } from '../callback/refusal.ts'
import { TEST_EVENT } from '../callback/snapshot.ts'
import { log, messageOf, requestId } from '../log.ts'
import { publish } from '../publish/publish.ts'
import { keepRefused } from '../quarantine/keep.ts'
import type { Retried } from '../quarantine/retry.ts'
import { type Incoming, type Outcome, receive, type Received } from '../receive.ts'
import { type Env, isFault, readSettings, type Settings, versionOf } from '../settings.ts'
import { noteCallback, noteRefusal } from '../store/state.ts'
import { isRightPath, pathWithoutToken, tokenIn } from '../token.ts'
import { notFound, problem, ProblemError, unavailable } from './problem.ts'

/** Publishing, or a line of the log, in the same moment as the response would slow the response down. */
const AFTER_RESPONSE_MS = 5

export const callback = new Hono<{ Bindings: Env }>()

callback.all(
  '/zego/callback',
  bodyLimit({ maxSize: ROW_LIMIT_BYTES, onError: (c) => respond(c, undefined) }),
  // Read also where the path is wrong: the runtime ends the request's stream with the response.
  async (c) => respond(c, new Uint8Array(await c.req.raw.arrayBuffer())),
)

/** @param bytes `undefined` where there are more than the limit */
async function respond(c: Context<{ Bindings: Env }>, bytes: Uint8Array | undefined): Promise<Response> {
  const settings = readSettings(c.env)
  const { pathname: path } = new URL(c.req.url)
  if (c.req.method !== 'POST') throw await onlyPosted(path, settings)
  const incoming = { raw: bytes && rawOf(c.req.raw, bytes), path, receivedAt: Date.now() }
  const received = await receive(incoming, settings, c.env)
  c.executionCtx.waitUntil(afterResponse(received, incoming, settings, c.env, requestId(c.req.raw)))
  return responseTo(received)
}

async function onlyPosted(path: string, { pathTokens }: Settings): Promise<ProblemError> {
  if (!isFault(pathTokens) && !(await isRightPath(path, pathTokens)))
    return notFound(describeRefusal({ code: 'wrong_path' }).detail)
  return new ProblemError({
    code: 'method_not_allowed',
    detail: 'ZEGOCLOUD POSTs callbacks to this URL. Results are read at GET /v1/snapshots/<task_id>.',
    headers: { allow: 'POST' },
  })
}

function rawOf({ headers }: Request, bytes: Uint8Array) {
  return { bytes, contentType: headers.get('content-type'), contentEncoding: headers.get('content-encoding') }
}

/** Never throws: what fails here is published by the sweep, or was evidence, kept at best effort. */
async function afterResponse(
  received: Outcome,
  incoming: Incoming,
  settings: Settings,
  env: Env,
  request_id: string,
): Promise<void> {
  const duration_ms = Date.now() - incoming.receivedAt
  await scheduler.wait(AFTER_RESPONSE_MS)
  const decoded = await decodedOf(received, incoming)
  const path = pathWithoutToken(incoming.path, settings)
  logOutcome({ ...received, decoded }, incoming, { path, request_id, duration_ms })
  if (received.status === 'stored') await publish([received.publication], env, settings, Date.now())
  const isTest = decoded !== undefined && signedText(decoded.fields.get('event')) === TEST_EVENT
  // At the time of receipt: health asks which of the two came last.
  if (received.status !== 'refused') {
    if (!isTest) await noteTaken(env.DB, tokenIn(incoming.path) !== '', incoming.receivedAt)
    return
  }
  const isCallback = decoded !== undefined || !DECODED_LATE.has(received.refusal.code)
  if (isCallback && !isTest) await noteRefused(env.DB, received.refusal.code, incoming.receivedAt)
  try {
    await keepRefused({ ...received, decoded }, incoming, versionOf(env), env.DB)
  } catch (error) {
    log('warn', 'callback.unkept', { why: messageOf(error) })
  }
}

/** Refused before it is decoded: whether it is a callback at all is found out after the response. */
const DECODED_LATE: ReadonlySet<string> = new Set(['wrong_path', 'not_configured'])

async function decodedOf(received: Outcome, { raw }: Incoming): Promise<Outcome['decoded']> {
  if (received.status !== 'refused' || raw === undefined) return received.decoded
  return DECODED_LATE.has(received.refusal.code) ? unlessRefused(decode(raw)) : received.decoded
}

function logOutcome({ decoded, ...received }: Outcome, { raw }: Incoming, facts: Record<string, unknown>): void {
  const about = { task_id: decoded && taskIdOf(decoded), appid: decoded?.envelope.appid, ...facts }
  if (received.status !== 'refused') {
    const { status, publication: _, ...outcome } = { publication: undefined, ...received }
    return log('info', `callback.${status}`, { ...outcome, ...about })
  }
  const { refusal } = received
  const { status } = describeRefusal(refusal)
  const body = { content_type: raw?.contentType, content_encoding: raw?.contentEncoding, length: raw?.bytes.length }
  log(status >= 500 || status === 413 ? 'error' : 'warn', 'callback.refused', { status, ...refusal, ...body, ...about })
}

/** What became of a callback, as a response. */
export function responseTo(received: Received | Retried): Response {
  switch (received.status) {
    case 'stored':
    case 'duplicate':
    case 'accepted': {
      const { status, task_id } = received
      return Response.json({ status, task_id }, { status: status === 'accepted' ? 202 : 200 })
    }
    case 'quarantined': {
      const { status, id, reason } = received
      return Response.json({ status, id, reason }, { status: 202 })
    }
    case 'refused': {
      const { code } = received.refusal
      const { detail, more } = describeRefusal(received.refusal)
      if (code === 'wrong_path') return problem(notFound(detail).problem)
      if (code === 'storage_unavailable') return problem(unavailable(detail).problem)
      return problem({ code, detail, ...(more && { more }) })
    }
  }
}

const NOTED_FOR_MS = 60_000

/** A cache: when this isolate noted what, in milliseconds. Another isolate notes the same once more. */
const noted = new Map<string, number>()

/** A verified callback, and whether its URL had a path token. Never throws. */
async function noteTaken(db: D1Database, withPathToken: boolean, now: number): Promise<void> {
  await once(`taken ${withPathToken}`, now, () => noteCallback(db, withPathToken, now))
}

/** @param code why a callback was refused. Never throws. */
async function noteRefused(db: D1Database, code: string, now: number): Promise<void> {
  await once(`refused ${code}`, now, async () => {
    // Health asks which of the two came last: the next callback that is verified is noted at once.
    for (const withPathToken of [true, false]) noted.delete(`taken ${withPathToken}`)
    await noteRefusal(db, code, now)
  })
}

async function once(what: string, now: number, note: () => Promise<void>): Promise<void> {
  if (Math.abs(now - (noted.get(what) ?? -Infinity)) < NOTED_FOR_MS) return
  noted.set(what, now)
  try {
    await note()
  } catch (error) {
    log('warn', 'callback.unnoted', { what, why: messageOf(error) })
  }
}
