/** Who may see the pages: the set-up page while a secret is missing, the sign-in without a session. */
import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { createMiddleware } from 'hono/factory'
import { html } from 'hono/html'
import type { Child } from 'hono/jsx'
import { requestId } from '../http/request.ts'
import { log } from '../log.ts'
import { type Env, isFault, readSettings, type Settings } from '../settings.ts'
import { secretChecks } from './checks.ts'
import { isFromHere, ownPath, readForm } from './form.ts'
import { Plain } from './layout.tsx'
import { isOwnForm, openSession, SESSION_SECONDS, type Session, sessionOf, tokenOf } from './session.ts'
import { SetUp } from './set-up.tsx'
import { SignIn } from './sign-in.tsx'
import { mayTry, takeBack } from './throttle.ts'

/** What every page behind the door knows. */
export type Visit = { Bindings: Env; Variables: { session: Session; form: URLSearchParams; settings: Settings } }

const COOKIE = 'zego-snapshots'

type Status = 200 | 401 | 403 | 404 | 409 | 429 | 503

export async function answerPage(c: Context, page: Child, status: Status = 200): Promise<Response> {
  return c.html(html`<!doctype html>${page}`, status)
}

export function originOf(c: Context): string {
  return new URL(c.req.url).origin
}

export function isHttps(c: Context): boolean {
  return new URL(c.req.url).protocol === 'https:'
}

/** The secrets that are set, or the set-up page. */
function readyOr(c: Context<Visit>): readonly string[] | Promise<Response> {
  const settings = readSettings(c.env)
  const { apiTokens, secrets } = settings
  if (!isFault(apiTokens) && !isFault(secrets)) return apiTokens
  return answerPage(c, <SetUp checks={secretChecks(settings)} origin={originOf(c)} now={Date.now()} />)
}

/** Lets in whoever has a session; a form has to be the session's own. */
export const enter = createMiddleware<Visit>(async (c, next) => {
  const tokens = await readyOr(c)
  if (tokens instanceof Response) return tokens
  const cookie = getCookie(c, COOKIE, isHttps(c) ? 'host' : undefined)
  const session = cookie === undefined ? undefined : await sessionOf(cookie, tokens, Date.now())
  if (session === undefined) {
    const { pathname, search } = new URL(c.req.url)
    const to = c.req.method === 'POST' ? '/' : pathname + search
    return answerPage(c, <SignIn next={to} />, pathname === '/' && c.req.method !== 'POST' ? 200 : 401)
  }
  c.set('session', session)
  c.set('settings', readSettings(c.env))
  if (c.req.method === 'POST') {
    const form = await readForm(c.req.raw)
    if (!(await isOwnForm(session, form.get('csrf')))) return answerPage(c, <NotOurForm />, 403)
    c.set('form', form)
  }
  return next()
})

export const signInAndOut = new Hono<Visit>()

signInAndOut.post('/sign-in', async (c) => {
  const tokens = await readyOr(c)
  if (tokens instanceof Response) return tokens
  if (!isFromHere(c.req.raw)) return answerPage(c, <NotOurForm />, 403)
  const form = await readForm(c.req.raw)
  const next = ownPath(form.get('next'))
  const address = c.req.header('cf-connecting-ip') ?? ''
  const now = Date.now()
  if (!mayTry(address, now)) {
    c.header('retry-after', '60')
    return answerPage(c, <SignIn next={next} wrong="Too many failures. Wait a minute, then try again." />, 429)
  }
  const token = await tokenOf((form.get('token') ?? '').trim(), tokens)
  if (token === undefined) {
    log('warn', 'dashboard.refused', { request_id: requestId(c) })
    return answerPage(c, <SignIn next={next} wrong="This is not the API token." />, 401)
  }
  takeBack(address)
  log('info', 'dashboard.entered', { request_id: requestId(c) })
  setCookie(c, COOKIE, await openSession(token, now), {
    path: '/',
    httpOnly: true,
    sameSite: 'Strict',
    maxAge: SESSION_SECONDS,
    ...(isHttps(c) && { prefix: 'host' as const, secure: true }),
  })
  return c.redirect(next, 303)
})

signInAndOut.get('/sign-in', (c) => c.redirect('/', 303))

signInAndOut.post('/sign-out', enter, (c) => {
  deleteCookie(c, COOKIE, { path: '/', ...(isHttps(c) && { prefix: 'host' as const, secure: true }) })
  return c.redirect('/', 303)
})

function NotOurForm() {
  return (
    <Plain title="This form is not from here">
      <p>
        It was sent by another site, or is too old. <a href="/">Begin again</a>.
      </p>
    </Plain>
  )
}
