import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { installation, type RunWrangler, remedyFor, urlIn, withStores } from '../../tools/lib/installation.ts'

const root = join(import.meta.dirname, '../..')

/** What Wrangler's commands do on an account, as they answer there. `refused`: the beginning of one that is refused. */
function account(refused = 'none') {
  const stores = { kv: new Map<string, string>(), d1: new Map<string, string>(), queues: new Set<string>() }
  const made: string[] = []
  const make = (kind: string, name: string) => {
    made.push(name)
    if (kind === 'queues') stores.queues.add(name)
    else stores[kind as 'kv' | 'd1'].set(name, `id of ${name}`)
    return { isDone: true, output: '' }
  }
  const list = (kind: 'kv' | 'd1', [name, id]: [string, string]) =>
    JSON.stringify(Array.from(stores[kind], ([key, value]) => ({ [name]: key, [id]: value })))
  const run: RunWrangler = async (args) => {
    const typed = args.join(' ')
    if (typed.startsWith(refused)) return { isDone: false, output: 'Authentication error [code: 10000]' }
    if (typed === 'kv namespace list') return { isDone: true, output: list('kv', ['title', 'id']) }
    if (typed === 'd1 list --json') return { isDone: true, output: list('d1', ['name', 'uuid']) }
    const name = args.at(-1)!
    if (stores.queues.has(name)) return { isDone: false, output: 'Queue name is already taken [code: 11009]' }
    return make(args[0]!, name)
  }
  return { run, made, stores }
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

test('a first deployment makes every store, and gives Wrangler its ids', async () => {
  const { run, made } = account()
  const config = await withStores(CONFIG, run)
  expect(made).toEqual(['first-results', 'first-aside', 'first', 'first-events', 'first-intake'])
  expect(config).toMatchObject({
    kv_namespaces: [
      { binding: 'RESULTS', id: 'id of first-results' },
      { binding: 'ASIDE', id: 'id of first-aside' },
    ],
    d1_databases: [{ binding: 'DB', database_id: 'id of first' }],
  })
})

test('the next one finds what was made, whatever failed, and makes only what is missing', async () => {
  const { run, made, stores } = account()
  const config = await withStores(CONFIG, run)
  stores.kv.delete('first-aside')
  made.length = 0
  expect(await withStores(CONFIG, run)).toEqual(config)
  expect(made).toEqual(['first-aside'])
})

test('an id in wrangler.toml is kept, and nothing is made for it', async () => {
  const { run, made } = account()
  const given = {
    ...CONFIG,
    kv_namespaces: [{ binding: 'RESULTS', id: '1' }],
    d1_databases: [{ binding: 'DB', database_id: '2' }],
  }
  expect(await withStores(given, run)).toMatchObject({
    kv_namespaces: [{ id: '1' }],
    d1_databases: [{ database_id: '2' }],
  })
  expect(made).toEqual(['first-events', 'first-intake'])
})

test.each([
  ['kv namespace list', 'Workers KV Storage'],
  ['kv namespace create', 'Workers KV Storage'],
  ['d1 list', 'D1'],
  ['d1 create', 'D1'],
  ['queues create', 'Queues'],
])('a refusal of `%s` names the permission %s, and what was made stays', async (refused, permission) => {
  const { run } = account(refused)
  await expect(withStores(CONFIG, run)).rejects.toThrow(`The token lacks the permission ${permission}: Edit.`)
  expect(remedyFor('Authentication error [code: 10000]', 'Workers Scripts')).toContain('Workers Scripts: Edit')
  expect(remedyFor('You need to verify your email address [code: 10034]', 'Workers Scripts')).toBe('')
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

test('the URL for ZEGOCLOUD is at the domain of the installation, if it has one', () => {
  const workersDev = 'https://zego-snapshots.acme.workers.dev'
  expect(urlIn(`Deployed zego-snapshots triggers\n  ${workersDev}\n  schedule: * * * * *`)).toBe(workersDev)
  expect(urlIn(`  ${workersDev}\n  callbacks.example.com (custom domain)\n`)).toBe('https://callbacks.example.com')
  expect(urlIn('  schedule: * * * * *')).toBeUndefined()
})
