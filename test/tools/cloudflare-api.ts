/**
 * Cloudflare's API as far as `wrangler deploy` and our program use it, for an account that has a workers.dev subdomain.
 *
 * It keeps what is made, refuses what Cloudflare refuses, with its codes, and notes the requests that it does not know.
 */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { type Context, Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'

export const ACCOUNT = '0123456789abcdef0123456789abcdef'

type Binding = { name: string; type: string; namespace_id?: string; id?: string; queue_name?: string }
type Worker = { bindings: Binding[]; secrets: string[] }
type Queue = {
  queue_id: string
  queue_name: string
  consumers: { type: 'worker'; consumer_id: string; script: string }[]
}

/** Cloudflare's names of the permissions, by the first part of the paths that need them. */
const PERMISSIONS: Record<string, string> = {
  workers: 'Workers Scripts',
  storage: 'Workers KV Storage',
  d1: 'D1',
  queues: 'Queues',
}

const hex = () => randomUUID().replaceAll('-', '')
const done = (c: Context, result: object = {}) => c.json({ success: true, errors: [], messages: [], result })

function page(c: Context, all: object[]) {
  const [number, size] = [Number(c.req.query('page') ?? 1), Number(c.req.query('per_page') ?? 20)]
  const result = all.slice((number - 1) * size, number * size)
  const result_info = { page: number, per_page: size, count: result.length, total_count: all.length }
  return c.json({ success: true, errors: [], messages: [], result, result_info })
}

class Refused extends HTTPException {
  constructor(status: 400 | 403 | 404, code: number, message: string) {
    const errors = [{ code, message }]
    super(status, { res: Response.json({ success: false, errors, messages: [], result: null }, { status }) })
  }
}
const isAbsent = (code: number) => new Refused(404, code, 'It does not exist on your account.')

/** What the account has, and what the token may do. */
export const newState = () => ({
  accounts: [{ id: ACCOUNT, name: 'Acme' }],
  /** Ids by title, and by name. */
  namespaces: new Map<string, string>(),
  databases: new Map<string, string>(),
  queues: new Map<string, Queue>(),
  workers: new Map<string, Worker>(),
  /** Permissions that the token does not have, and those of which it has only Read. */
  lacks: new Set<string>(),
  reads: new Set<string>(),
  isEmailVerified: true,
  unknown: [] as string[],
})
export type State = ReturnType<typeof newState>

const stores = ({ namespaces, databases, queues }: State) =>
  new Hono()
    .get('/storage/kv/namespaces', (c) =>
      page(
        c,
        Array.from(namespaces, ([title, id]) => ({ id, title })),
      ),
    )
    .post('/storage/kv/namespaces', async (c) => {
      const { title } = await c.req.json<{ title: string }>()
      if (namespaces.has(title))
        throw new Refused(400, 10014, 'a namespace with this account ID and title already exists')
      namespaces.set(title, hex())
      return done(c, { id: namespaces.get(title), title })
    })
    .delete('/storage/kv/namespaces/:id', () => {
      throw isAbsent(10013)
    })
    .get('/d1/database', (c) =>
      page(
        c,
        Array.from(databases, ([name, uuid]) => ({ uuid, name })),
      ),
    )
    .post('/d1/database', async (c) => {
      const { name } = await c.req.json<{ name: string }>()
      if (databases.has(name)) throw new Refused(400, 7502, 'A database with that name already exists')
      databases.set(name, randomUUID())
      return done(c, { uuid: databases.get(name), name })
    })
    .delete('/d1/database/:id', () => {
      throw isAbsent(7404)
    })
    .get('/queues', (c) => {
      const names = c.req.queries('name')
      return page(
        c,
        [...queues.values()].filter(({ queue_name }) => names?.includes(queue_name) ?? true),
      )
    })
    .post('/queues', async (c) => {
      const { queue_name } = await c.req.json<{ queue_name: string }>()
      if (queues.has(queue_name)) throw new Refused(400, 11009, 'Queue name is already taken')
      queues.set(queue_name, { queue_id: hex(), queue_name, consumers: [] })
      return done(c, queues.get(queue_name))
    })
    .delete('/queues/:id', () => {
      throw isAbsent(11000)
    })
    .post('/queues/:id/consumers', async (c) => {
      const { script_name } = JSON.parse(await c.req.text()) as { script_name: string }
      const queue = [...queues.values()].find(({ queue_id }) => queue_id === c.req.param('id'))
      queue?.consumers.push({ type: 'worker', consumer_id: hex(), script: script_name })
      return done(c)
    })
    .put('/queues/:id/consumers/:consumer', (c) => done(c))

function workersApi(state: State) {
  const find = (name: string) => {
    const worker = state.workers.get(name)
    if (!worker) throw isAbsent(10007)
    return worker
  }
  const upload = async (c: Context, name: string) => {
    if (!state.isEmailVerified) throw new Refused(403, 10034, 'You need to verify your email address to use Workers.')
    const { metadata } = await c.req.parseBody()
    const { bindings } = JSON.parse(metadata as string) as { bindings: Binding[] }
    const { bindings: had = [], secrets = [] } = state.workers.get(name) ?? {}
    const inherit = (binding: Binding) =>
      binding.type === 'inherit' ? had.find((one) => one.name === binding.name)! : binding
    state.workers.set(name, { bindings: bindings.map(inherit), secrets })
    const resources = { script: { etag: hex() } }
    return done(c, { id: randomUUID(), deployment_id: hex(), startup_time_ms: 3, resources })
  }
  const subdomain = { enabled: true, previews_enabled: false }
  return new Hono()
    .get('/subdomain', (c) => done(c, { subdomain: 'acme' }))
    .get('/workers/:name', (c) => done(c, { name: find(c.req.param('name')) && c.req.param('name'), subdomain }))
    .get('/services/:name', (c) => {
      find(c.req.param('name'))
      return done(c, { default_environment: { script: { tag: hex(), tags: null, last_deployed_from: 'wrangler' } } })
    })
    .get('/scripts/:name/settings', (c) => done(c, { bindings: find(c.req.param('name')).bindings }))
    .get('/scripts/:name/secrets', (c) =>
      done(
        c,
        find(c.req.param('name')).secrets.map((name) => ({ name, type: 'secret_text' })),
      ),
    )
    .get('/scripts/:name/deployments', (c) => done(c, { deployments: find(c.req.param('name')) && [] }))
    .put('/scripts/:name', (c) => upload(c, c.req.param('name')))
    .post('/scripts/:name/versions', (c) => upload(c, c.req.param('name')))
    .post('/scripts/:name/deployments', (c) => done(c))
    .patch('/scripts/:name/script-settings', (c) => done(c))
    .post('/scripts/:name/subdomain', (c) => done(c, subdomain))
    .put('/scripts/:name/schedules', (c) => done(c))
    .delete('/scripts/:name', (c) => {
      find(c.req.param('name'))
      state.workers.delete(c.req.param('name'))
      return done(c)
    })
}

function api(state: State) {
  const account = new Hono()
    .use(async (c, next) => {
      const permission = PERMISSIONS[c.req.path.split('/')[3] ?? ''] ?? ''
      const onlyReads = state.reads.has(permission) && c.req.method !== 'GET'
      if (state.lacks.has(permission) || onlyReads) throw new Refused(403, 10000, 'Authentication error')
      await next()
    })
    .route('/', stores(state))
    .route('/workers', workersApi(state))
  return new Hono()
    .get('/accounts', (c) => page(c, state.accounts))
    .route(`/accounts/${ACCOUNT}`, account)
    .notFound((c) => {
      state.unknown.push(`${c.req.method} ${c.req.path}`)
      return Response.json({ success: false, errors: [{ code: 7003, message: 'No route' }] }, { status: 404 })
    })
}

/** It listens until it is closed. */
export async function cloudflareApi(state: State) {
  const app = api(state)
  const server = createServer((incoming, outgoing) => {
    void buffer(incoming).then(async (body) => {
      const headers = { 'content-type': incoming.headers['content-type'] ?? '' }
      const init = { method: incoming.method ?? 'GET', headers, ...(body.length > 0 && { body }) }
      const answer = await app.fetch(new Request(`http://127.0.0.1${incoming.url}`, init))
      const keep = { connection: 'keep-alive', 'keep-alive': 'timeout=60' }
      outgoing.writeHead(answer.status, { 'content-type': 'application/json', ...keep }).end(await answer.text())
    })
  })
  // An upload may take longer than a connection is kept, whatever was announced.
  server.keepAliveTimeout = 200
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
}
