import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { installation, type RunWrangler, withStores } from '../../tools/lib/installation.ts'

const root = join(import.meta.dirname, '../..')

const done = (stdout = '') => ({ status: 0, stdout, stderr: '' })
const failed = (stderr: string) => ({ status: 1, stdout: '', stderr })

/** What Wrangler's commands do on an account, as they answer there. `refused`: the beginning of one that is refused. */
function account(refused = 'none', why = 'Authentication error [code: 10000]') {
  const stores = new Set<string>()
  const listed = (kind: string, name: string, id: string) =>
    [...stores]
      .filter((store) => store.startsWith(`${kind} `))
      .map((store) => ({ [name]: store.slice(kind.length + 1), [id]: `id of ${store}` }))
  const run: RunWrangler = (args) => {
    const typed = args.join(' ')
    if (typed.startsWith(refused)) return failed(why)
    if (typed === 'kv namespace list') return done(JSON.stringify(listed('kv', 'title', 'id')))
    if (typed === 'd1 list --json') return done(JSON.stringify(listed('d1', 'name', 'uuid')))
    const store = `${args[0]} ${args.at(-1)}`
    if (stores.has(store)) return failed('Queue name is already taken [code: 11009]')
    stores.add(store)
    return done()
  }
  return { run, stores }
}

const CONFIG = {
  name: 'first',
  kv_namespaces: [{ binding: 'RESULTS' }, { binding: 'ASIDE' }],
  d1_databases: [{ binding: 'DB', database_name: 'first' }],
  queues: {
    producers: [{ binding: 'EVENTS', queue: 'first-events' }],
    consumers: [{ queue: 'first-intake' }],
  },
}

test('makes every store that is missing, and gives Wrangler the ids of the namespaces, however often it runs', () => {
  const { run, stores } = account()
  const kv_namespaces = [
    { binding: 'RESULTS', id: 'id of kv first-results' },
    { binding: 'ASIDE', id: 'id of kv first-aside' },
  ]
  const all = ['kv first-results', 'kv first-aside', 'd1 first', 'queues first-events', 'queues first-intake']
  for (const missing of [...all, 'nothing']) {
    expect(withStores(CONFIG, run)).toEqual({ ...CONFIG, kv_namespaces })
    expect([...stores].toSorted()).toEqual(all.toSorted())
    stores.delete(missing)
  }
})

test('an id in wrangler.toml is kept, and nothing is made for it', () => {
  const { run, stores } = account()
  const given = {
    ...CONFIG,
    kv_namespaces: [{ binding: 'RESULTS', id: '1' }],
    d1_databases: [{ binding: 'DB', database_id: '2' }],
  }
  expect(withStores(given, run)).toEqual(given)
  expect([...stores]).toEqual(['queues first-events', 'queues first-intake'])
})

test.each([
  ['kv namespace list', 'Workers KV Storage'],
  ['kv namespace create', 'Workers KV Storage'],
  ['d1 list', 'D1'],
  ['d1 create', 'D1'],
  ['queues create', 'Queues'],
])('a refusal of `%s` names the permission %s', (refused, permission) => {
  expect(() => withStores(CONFIG, account(refused).run)).toThrow(`lacks the permission ${permission}: Edit.`)
  const { run } = account(refused, 'You need to verify your email address [code: 10034]')
  expect(() => withStores(CONFIG, run)).toThrow(/address \[code: 10034\]\n$/)
})

test('refuses an environment of Wrangler, and says what to do instead', async () => {
  const node = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning', 'tools/deploy.ts']
  const child = spawn(process.execPath, node, { cwd: root, env: { ...process.env, CLOUDFLARE_ENV: 'staging' } })
  const [err, [status]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  expect(err).toContain('npm run deploy -- --name zego-snapshots-staging')
  expect(status).toBe(1)
})

test('another installation takes neither ids nor routes from wrangler.toml, and has no name that the first has', () => {
  const first = {
    name: 'first',
    workers_dev: false,
    routes: [{ pattern: 'callbacks.example.com', custom_domain: true }],
    kv_namespaces: [{ binding: 'RESULTS', id: '1' }],
    d1_databases: [{ binding: 'DB', database_name: 'first', database_id: '2' }],
    queues: {
      producers: [{ binding: 'EVENTS', queue: 'named-otherwise' }],
      consumers: [{ queue: 'first-intake', dead_letter_queue: 'first-dead', max_retries: 100 }],
    },
    vars: { RETENTION_DAYS: 30 },
  }
  expect(installation(first, 'second')).toEqual({
    name: 'second',
    workers_dev: true,
    kv_namespaces: [{ binding: 'RESULTS' }],
    d1_databases: [{ binding: 'DB', database_name: 'second' }],
    queues: {
      producers: [{ binding: 'EVENTS', queue: 'second-named-otherwise' }],
      consumers: [{ queue: 'second-intake', dead_letter_queue: 'second-dead', max_retries: 100 }],
    },
    vars: { RETENTION_DAYS: 30 },
  })
  expect(installation(first, 'first')).toBe(first)
})
