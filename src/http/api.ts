/** What routes share: who may ask, what is read of a request, a line of the log, and what becomes of an error. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { routePath } from 'hono/route'
import { log, messageOf, requestId } from '../log.ts'
import type { Operation } from '../operate.ts'
import { type Env, isFault, readSettings, type Settings } from '../settings.ts'
import { isOutage } from '../store/database.ts'
import { notConfigured, problem, ProblemError, unavailable } from './problem.ts'
import { bearerIn, decodePath, isToken } from '../token.ts'

/** Whoever has the API token may do everything; whoever has the read token alone changes nothing. */
export type Access = 'full' | 'read'

export type Api = { Bindings: Env; Variables: { settings: Settings; startedAt: number; access: Access } }

/** What a route of the API and a page of the dashboard both know of their request. */
type Known = { Bindings: Env; Variables: Pick<Api['Variables'], 'settings' | 'startedAt'> }
type RouteContext = Pick<Context<Known>, 'req' | 'env' | 'get' | 'executionCtx'>

/** Lets in whoever has a token. No shared cache may keep a response, and a private one asks each time. */
export const enter = createMiddleware<Api>(async (c, next) => {
  const settings = readSettings(c.env)
  const access = await accessOf(c.req.header('authorization') ?? '', settings)
  if (access === 'read' && !isReading(c.req.method)) throw onlyReads(c.req.method)
  c.set('settings', settings)
  c.set('access', access)
  c.set('startedAt', Date.now())
  c.header('cache-control', 'private, no-cache')
  await next()
})

async function accessOf(authorization: string, { apiTokens, readTokens }: Settings): Promise<Access> {
  if (isFault(apiTokens)) throw notConfigured(apiTokens)
  const given = bearerIn(authorization)
  if (await isToken(given, apiTokens)) return 'full'
  // It may be the read token that was meant.
  if (isFault(readTokens) && given !== '') throw notConfigured(readTokens)
  if (!isFault(readTokens) && (await isToken(given, readTokens))) return 'read'
  throw unauthorized()
}

function isReading(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

function unauthorized(): ProblemError {
  return new ProblemError({
    code: 'unauthorized',
    detail: 'Send the header "Authorization: Bearer <API_TOKEN>". For GET, READ_TOKEN is enough.',
    headers: { 'www-authenticate': 'Bearer realm="zego-snapshots"' },
  })
}

function onlyReads(method: string): ProblemError {
  const detail = `READ_TOKEN is for GET under /v1. For ${method}, send API_TOKEN.`
  return new ProblemError({ code: 'forbidden', detail })
}

export function operationOf(c: RouteContext): Operation {
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work)
  return { env: c.env, settings: c.get('settings'), waitUntil, report: (event, facts) => report(c, event, facts) }
}

/** What was done, how long it took, and for which request. */
export function report(c: RouteContext, event: string, facts: Record<string, unknown>): void {
  log('info', event, { ...facts, duration_ms: Date.now() - c.get('startedAt'), request_id: requestId(c.req.raw) })
}

/** A problem that was thrown, an outage of D1, or a fault of our own. */
export async function respondToError(error: Error, c: Context<{ Bindings: Env }>): Promise<Response> {
  if (error instanceof ProblemError) return problem(error.problem)
  const facts = { method: c.req.method, route: routePath(c), why: messageOf(error), request_id: requestId(c.req.raw) }
  if (await isOutage(error, c.env.DB)) {
    log('error', 'storage.failed', facts)
    return problem(unavailable('D1 does not answer. Send the request again in a moment: repeating it is safe.').problem)
  }
  log('error', 'request.failed', facts)
  const detail = 'This is a fault of the receiver: its log says more, under request.failed.'
  return problem({ code: 'internal_error', detail })
}

/** The n-th part of a URL's path, decoded. Hono decodes less than all of it (`%2F`, `%25`), and an id may hold anything. */
export function partOf(url: string, n: number): string {
  return decodePath(new URL(url).pathname.split('/')[n] ?? '')
}
