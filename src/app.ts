/** Which route lives where. */
import { Hono } from 'hono/tiny'
import { dashboard } from './dashboard/dashboard.tsx'
import { bearer } from './http/bearer.ts'
import { callback } from './http/callback.ts'
import { health } from './http/health.ts'
import { openapi } from './http/openapi.ts'
import { notFound, problem } from './http/problem.ts'
import { quarantine } from './http/quarantine.ts'
import { snapshots } from './http/snapshots.ts'
import { status } from './http/status.ts'
import { tasks } from './http/tasks.ts'
import { log, messageOf } from './log.ts'
import type { Env } from './settings.ts'

export const app = new Hono<{ Bindings: Env }>()

app.route('/', callback)
app.route('/', health)
app.route('/', openapi)
app.use('/v1/*', bearer)
app.route('/', tasks)
app.route('/', snapshots)
app.route('/', quarantine)
app.route('/', status)
app.route('/', dashboard)

app.notFound((c) => notFound(`There is no ${c.req.method} ${c.req.path} here.`))

app.onError((error) => {
  log('error', 'request.failed', { why: messageOf(error) })
  return problem({
    code: 'internal_error',
    status: 500,
    title: 'The receiver failed',
    detail: 'This is a fault of the receiver: its log says more, under request.failed.',
  })
})
