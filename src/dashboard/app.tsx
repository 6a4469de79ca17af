/** The dashboard: one table of its pages, and what all of them have in common. */
import type { Context, Handler, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { contextStorage } from 'hono/context-storage'
import { csrf } from 'hono/csrf'
import { createMiddleware } from 'hono/factory'
import { HTTPException } from 'hono/http-exception'
import { Hono } from 'hono/tiny'
import { log, messageOf, requestId } from '../log.ts'
import { isOutage } from '../store/database.ts'
import { showAsset } from './assets.ts'
import { enter, setUp, showSignIn, signIn, signOut } from './auth.tsx'
import { retryOne, showEntry } from './entry.tsx'
import { countNew, showGallery } from './gallery.tsx'
import { showHealth } from './health.tsx'
import { showFact } from './layout.tsx'
import { deleteAllOfReason, deleteOne, showQuarantine } from './quarantine.tsx'
import { deleteTask, sendTask, showTask } from './task.tsx'
import { isHttps, readPageEnv, type PageEnv } from './page.ts'

type Page = {
  method: 'GET' | 'POST'
  path: string
  show: (c: Context<PageEnv>) => Response | Promise<Response>
  /** Whether it can be seen without a session. */
  isOpen?: true
}

/** Every page and every action. Its guard, its headers, the check of its form and its route follow from its line. */
export const PAGES: readonly Page[] = [
  { method: 'GET', path: '/', show: showGallery },
  { method: 'GET', path: '/new', show: countNew },
  { method: 'GET', path: '/sign-in', show: showSignIn, isOpen: true },
  { method: 'POST', path: '/sign-in', show: signIn, isOpen: true },
  { method: 'POST', path: '/sign-out', show: signOut },
  { method: 'GET', path: '/tasks/:task_id', show: showTask },
  { method: 'POST', path: '/tasks/:task_id/send', show: sendTask },
  { method: 'POST', path: '/tasks/:task_id/delete', show: deleteTask },
  { method: 'GET', path: '/quarantine', show: showQuarantine },
  { method: 'POST', path: '/quarantine/delete-all', show: deleteAllOfReason },
  { method: 'GET', path: '/quarantine/:id', show: showEntry },
  { method: 'POST', path: '/quarantine/:id/retry', show: retryOne },
  { method: 'POST', path: '/quarantine/:id/delete', show: deleteOne },
  { method: 'GET', path: '/health', show: showHealth },
]

const FORM_LIMIT_BYTES = 65_536

/** Nothing but its own script and style runs on a page, and nobody keeps or frames it. */
const safeHeaders = createMiddleware(async (c, next) => {
  const isSecure = isHttps(c.req.url)
  c.header('content-security-policy', contentPolicy(isSecure))
  // Without it a browser says `Origin: null` with a form, and over http nothing else tells where the form was.
  c.header('referrer-policy', 'same-origin')
  c.header('x-content-type-options', 'nosniff')
  c.header('x-frame-options', 'DENY')
  c.header('cross-origin-opener-policy', 'same-origin')
  c.header('cross-origin-embedder-policy', 'credentialless') // pictures are asked for without cookies
  c.header('cache-control', 'no-store')
  if (isSecure) c.header('strict-transport-security', 'max-age=31536000')
  await next()
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

const showErrors = createMiddleware<PageEnv>(async (c, next) => {
  try {
    return await next()
  } catch (error) {
    return showError(c, error)
  }
})

async function showError(c: Context<PageEnv>, error: unknown): Promise<Response> {
  const again = <a href="/">Begin again</a>
  if (error instanceof HTTPException) {
    if (error.status === 413) return showFact(c, 413, 'This form is too large', again)
    return showFact(c, 403, 'This form was sent by another site', again)
  }
  log('error', 'dashboard.failed', { why: messageOf(error), request_id: requestId(c.req.raw) })
  const more = 'The log says more, under dashboard.failed.'
  if (await isOutage(error, c.env.DB)) {
    return showFact(c, 503, 'D1 does not answer', `Load this page again in a moment. ${more}`)
  }
  return showFact(c, 500, 'This page cannot be shown', `This is a fault of the receiver. ${more}`)
}

const COMMON = [
  safeHeaders,
  contextStorage(),
  readPageEnv,
  showErrors,
  csrf(),
  bodyLimit({ maxSize: FORM_LIMIT_BYTES }),
  setUp,
] as const

/** One route for each page: with a route for each step, every callback's path would be compared with all of them. */
function handlerOf({ show, isOpen }: Page): Handler<PageEnv> {
  const steps: readonly MiddlewareHandler<PageEnv>[] = isOpen ? COMMON : [...COMMON, enter]
  return async (c) => {
    const runFrom = async (n: number): Promise<void> => {
      const step = steps[n]
      const response = await (step ? step(c, () => runFrom(n + 1)) : show(c))
      if (response) c.res = response
    }
    await runFrom(0)
    return c.res
  }
}

export const dashboard = new Hono<PageEnv>()

// Assets hold no secret.
dashboard.get('/assets/*', showAsset)
for (const page of PAGES) dashboard.on(page.method, page.path, handlerOf(page))
