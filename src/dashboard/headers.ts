/** What every page says about itself: nothing but its own script and style runs, and nobody keeps or frames it. */
import { createMiddleware } from 'hono/factory'

export const safeHeaders = createMiddleware(async (c, next) => {
  await next()
  const isHttp = new URL(c.req.url).protocol === 'http:'
  c.header('content-security-policy', contentPolicy(isHttp))
  c.header('referrer-policy', 'no-referrer')
  c.header('x-content-type-options', 'nosniff')
  c.header('x-frame-options', 'DENY')
  c.header('cross-origin-opener-policy', 'same-origin')
  if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store')
})

/** A page over https shows no picture over http: no browser would. */
function contentPolicy(isHttp: boolean): string {
  return [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "connect-src 'self'",
    `img-src 'self' https:${isHttp ? ' http:' : ''}`,
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')
}
