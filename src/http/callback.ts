/** `POST /zego/callback`, and `/zego/callback/<token>`: what ZEGOCLOUD calls. */
import { Hono } from 'hono/tiny'
import { answerOf, BODY_LIMIT_BYTES } from '../callback/refusal.ts'
import { publish } from '../publish/publish.ts'
import { log, messageOf } from '../log.ts'
import { receive, type Received } from '../receive.ts'
import { type Env, isFault, readSettings, retentionDaysOf, type SettingFault, type Settings } from '../settings.ts'
import { onDatabase } from '../store/database.ts'
import { keep } from '../store/quarantine.ts'
import { answer } from './answer.ts'
import { readBody } from './body.ts'
import { noteRefused, noteTaken } from './note.ts'
import { decodePath } from './path.ts'
import { notFound, problem } from './problem.ts'
import { isToken } from '../token.ts'

/** Publishing, or a line of the log, in the same moment as the answer would slow the answer down. */
const AFTER_ANSWER_MS = 5

export const callback = new Hono<{ Bindings: Env }>()

callback.all('/zego/callback/*', async (c) => {
  const settings = readSettings(c.env)
  if (!(await isOurPath(c.req.url, settings.pathTokens))) {
    if (c.req.method === 'POST') c.executionCtx.waitUntil(noteRefused(c.env.DB, 'not_found', Date.now()))
    return notFound('No callback is received here. Check the path token in the URL that ZEGOCLOUD was given.')
  }
  if (c.req.method !== 'POST') return methodNotAllowed()
  const received = await take(c.req.raw, settings, c.env)
  const request_id = c.req.header('cf-ray') ?? crypto.randomUUID()
  c.executionCtx.waitUntil(afterAnswer(received, settings, c.env, { url: c.req.url, request_id }))
  return answer(received)
})

/** Whether the path has the token that is asked for. While that setting cannot be read, no path can be judged. */
async function isOurPath(url: string, tokens: Settings['pathTokens']): Promise<boolean> {
  if (isFault(tokens) || tokens.length === 0) return true
  const given = givenToken(url)
  return (await isToken(given, tokens)) || isToken(decodePath(given), tokens)
}

/** What follows `/zego/callback/` in the path, as it stands. */
function givenToken(url: string): string {
  return new URL(url).pathname.slice('/zego/callback/'.length).replace(/\/$/, '')
}

async function take(request: Request, settings: Settings, env: Env): Promise<Received> {
  const { secrets, toleranceSeconds, pathTokens } = settings
  if (isFault(pathTokens)) return notConfigured(pathTokens)
  if (isFault(secrets)) return notConfigured(secrets)
  if (isFault(toleranceSeconds)) return notConfigured(toleranceSeconds)
  const body = await readBody(request, BODY_LIMIT_BYTES)
  if (body === undefined) return { status: 'refused', refusal: { code: 'body_too_large' } }
  const { headers } = request
  const raw = {
    bytes: body,
    contentType: headers.get('content-type'),
    contentEncoding: headers.get('content-encoding'),
  }
  return receive(raw, { secrets, toleranceSeconds }, Date.now(), env)
}

function notConfigured({ setting, why }: SettingFault): Received {
  return { status: 'refused', refusal: { code: 'not_configured', setting, why } }
}

function methodNotAllowed(): Response {
  return problem({
    code: 'method_not_allowed',
    status: 405,
    title: 'Callbacks are POSTed here',
    detail: 'ZEGOCLOUD POSTs callbacks to this URL. Results are read at GET /v1/snapshots/<task_id>.',
    headers: { allow: 'POST' },
  })
}

function report(received: Received, request_id: string): void {
  if (received.status !== 'refused') {
    const { status, publication: _, ...facts } = { publication: undefined, ...received }
    return log('info', `callback.${status}`, { ...facts, request_id })
  }
  const { refusal } = received
  const { status } = answerOf(refusal)
  log(status >= 500 || status === 413 ? 'error' : 'warn', 'callback.refused', { status, ...refusal, request_id })
}

/** Never throws: what fails here is published by the sweep, or was evidence, kept at best effort. */
async function afterAnswer(
  received: Received,
  settings: Settings,
  env: Env,
  { url, request_id }: { url: string; request_id: string },
): Promise<void> {
  await scheduler.wait(AFTER_ANSWER_MS)
  report(received, request_id)
  if (received.status === 'stored') {
    await publish([received.publication], env, retentionDaysOf(settings), Date.now())
  }
  if (received.status === 'refused' && received.entry) {
    const { entry } = received
    try {
      await onDatabase(env.DB, () => keep(env.DB, entry))
    } catch (error) {
      log('warn', 'callback.unkept', { reason: entry.reason, why: messageOf(error) })
    }
  }
  const now = Date.now()
  if (received.status === 'refused') await noteRefused(env.DB, received.refusal.code, now)
  else await noteTaken(env.DB, givenToken(url) !== '', now)
}
