/** The dashboard: which page lives where, and who may see it. */
import { Hono } from 'hono/tiny'
import { log, messageOf } from '../log.ts'
import { assets } from './assets.ts'
import { safeHeaders } from './headers.ts'
import { Plain } from './layout.tsx'
import { actions } from './actions.ts'
import { type Visit, answerPage, enter, signInAndOut } from './auth.tsx'
import { pages } from './pages.tsx'

/** Everything here but the assets, which hold no secret. */
const PATHS = ['/', '/sign-in', '/sign-out', '/new', '/tasks/*', '/quarantine/*', '/health/*']

export const dashboard = new Hono<Visit>()

dashboard.route('/', assets)
for (const path of PATHS) dashboard.use(path, safeHeaders)
dashboard.route('/', signInAndOut)
for (const path of PATHS) dashboard.use(path, enter)
dashboard.route('/', pages)
dashboard.route('/', actions)

dashboard.onError((error, c) => {
  log('error', 'dashboard.failed', { why: messageOf(error) })
  return answerPage(
    c,
    <Plain title="D1 does not answer">
      <p>Load this page again in a moment. The log says more, under dashboard.failed.</p>
    </Plain>,
    503,
  )
})
