/** Which route lives where. */
import { Hono } from 'hono/tiny'
import { dashboard } from './dashboard/app.tsx'
import { respondToError, enter } from './http/api.ts'
import { callback } from './http/callback.ts'
import document from './http/openapi.json'
import { methodNotAllowed, notFound, problem } from './http/problem.ts'
import { quarantine } from './http/quarantine.ts'
import { snapshots } from './http/snapshots.ts'
import { status } from './http/status.ts'
import { tasks } from './http/tasks.ts'
import { log } from './log.ts'
import { type Env, readSettings } from './settings.ts'
import { pathWithoutToken, routedPath } from './token.ts'

/** Made beforehand of the schemas that validate, since a Worker that makes it starts more slowly. wrangler.toml has it brought in as text. */
const openapi = document as unknown as string
const OPENAPI_HEADERS = { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' }

export const app = new Hono<{ Bindings: Env }>({ getPath: routedPath })

app.route('/', callback)
app.get('/openapi.json', () => new Response(openapi, { headers: OPENAPI_HEADERS }))
app.use('/v1/*', enter)
app.route('/', tasks)
app.route('/', snapshots)
app.route('/', quarantine)
app.route('/', status)
app.route('/', dashboard)

app.notFound((c) => {
  const { method, path } = c.req
  // Perhaps a callback, and a mistyped URL: nothing of it is kept.
  if (method === 'POST') log('warn', 'request.misdirected', { path: pathWithoutToken(path, readSettings(c.env)) })
  const allowed = methodsAt(path)
  const found =
    allowed.length === 0
      ? notFound(`There is no ${path} here: GET /openapi.json lists the paths.`)
      : methodNotAllowed(method, allowed)
  return problem(found.problem)
})

app.onError(respondToError)

/** The methods that a path takes: those that lead to more than the middleware, which is for all of them. */
function methodsAt(path: string): string[] {
  const handlersFor = (method: string) => app.router.match(method, path)[0].length
  const forAll = handlersFor('ALL')
  const methods = ['GET', 'POST', 'PUT', 'DELETE'].filter((method) => handlersFor(method) > forAll)
  return methods.includes('GET') ? ['HEAD', ...methods] : methods
}
