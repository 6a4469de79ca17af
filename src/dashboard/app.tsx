/** The dashboard: which page is where, who may see it, and what every answer says about itself. */
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { contextStorage } from 'hono/context-storage'
import { csrf } from 'hono/csrf'
import { createMiddleware } from 'hono/factory'
import { HTTPException } from 'hono/http-exception'
import { Hono } from 'hono/tiny'
import { log, messageOf } from '../log.ts'
import { actions } from './actions.ts'
import { assets } from './assets.ts'
import { auth, enter, setUp } from './auth.tsx'
import { frame, showFact } from './layout.tsx'
import { pages } from './pages.tsx'
import { isHttps, visit, type Visit } from './visit.ts'

/** Everything here but the assets, which hold no secret. */
const PATHS = ['/', '/sign-in', '/sign-out', '/new', '/tasks/*', '/quarantine/*', '/health/*']

const FORM_LIMIT_BYTES = 65_536

/** Nothing but its own script and style runs on a page, and nobody keeps or frames it. */
const safeHeaders = createMiddleware(async (c, next) => {
  await next()
  c.header('content-security-policy', contentPolicy(isHttps(c.req.url)))
  // Without it a browser says `Origin: null` with a form, and over http nothing else tells where the form was.
  c.header('referrer-policy', 'same-origin')
  c.header('x-content-type-options', 'nosniff')
  c.header('x-frame-options', 'DENY')
  c.header('cross-origin-opener-policy', 'same-origin')
  c.header('cross-origin-embedder-policy', 'credentialless') // pictures are asked for without cookies
  if (isHttps(c.req.url)) c.header('strict-transport-security', 'max-age=31536000')
  if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store')
})

/** A page over https shows no picture over http: no browser would. */
function contentPolicy(isSecure: boolean): string {
  return [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "connect-src 'self'",
    `img-src 'self' https:${isSecure ? '' : ' http:'}`,
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')
}

export const dashboard = new Hono<Visit>()

dashboard.route('/', assets)
dashboard.on(
  'ALL',
  PATHS,
  safeHeaders,
  contextStorage(),
  visit,
  frame,
  csrf(),
  bodyLimit({ maxSize: FORM_LIMIT_BYTES }),
  setUp,
)
dashboard.on(
  'ALL',
  PATHS.filter((path) => path !== '/sign-in'),
  enter,
)
dashboard.route('/', auth)
dashboard.route('/', pages)
dashboard.route('/', actions)

dashboard.onError((error, c) => {
  if (error instanceof HTTPException) return refused(c, error.status)
  log('error', 'dashboard.failed', { why: messageOf(error) })
  const words = 'Load this page again in a moment. The log says more, under dashboard.failed.'
  return showFact(c, 503, 'D1 does not answer', words)
})

/** By `csrf` or by `bodyLimit`. */
function refused(c: Context<Visit>, status: HTTPException['status']) {
  const words = (
    <>
      It was sent by another site, or is too large. <a href="/">Begin again</a>.
    </>
  )
  if (status === 403) return showFact(c, 403, 'This form is not from here', words)
  return showFact(c, 413, 'This form cannot be read', words)
}
