import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { urlAmong } from '../../tools/deploy/cloudflare.ts'
import { installation } from '../../tools/deploy/config.ts'
import { projectCopy } from '../e2e/project-copy.ts'
import { ACCOUNT, cloudflareApi, newState, type State } from './cloudflare-api.ts'

const copy = projectCopy()
const toml = () => readFileSync(join(copy.directory, 'wrangler.toml'), 'utf8')
const before = toml()
/** Where Wrangler keeps its login. */
const home = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
afterAll(() => {
  copy.remove()
  rmSync(home, { recursive: true })
})

const TOKEN = { CLOUDFLARE_API_TOKEN: 'token' }

/** The program as a user runs it, on an account in this state. */
async function deploy(state: State, flags: string[] = [], env: Record<string, string> = TOKEN) {
  const cloudflare = await cloudflareApi(state)
  const node = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning', 'tools/deploy.ts']
  const child = spawn(process.execPath, [...node, ...flags], {
    cwd: copy.directory,
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      XDG_CONFIG_HOME: home,
      NO_COLOR: '1',
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      WRANGLER_LOG_PATH: join(copy.directory, 'logs'),
      CLOUDFLARE_API_BASE_URL: cloudflare.url,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  cloudflare.close()
  expect(state.unknown).toEqual([])
  expect(toml()).toBe(before)
  return { out, err, status: status as number }
}

async function deployFirst() {
  const state = newState()
  return { state, ...(await deploy(state)) }
}
let firstRun: ReturnType<typeof deployFirst> | undefined
/** An account on which the first deployment went well. It is run once, and each test has a copy of the account. */
async function deployed() {
  const { state, ...ran } = await (firstRun ??= deployFirst())
  return { state: structuredClone(state), ...ran }
}

const stores = ({ namespaces, databases, queues }: State) =>
  [namespaces, databases, queues].flatMap((all) => [...all.keys()])
const OURS = ['-results', '-aside', '', '-events', '-intake']
const named = (name: string) => OURS.map((end) => `${name}${end}`)

/** What a Worker's bindings lead to: ids, and names of queues. */
const targets = ({ workers }: State, name: string) =>
  workers.get(name)?.bindings.flatMap(({ namespace_id, id, queue_name }) => namespace_id ?? id ?? queue_name ?? [])
/** What they have to lead to. */
const own = ({ namespaces, databases }: State, name: string) => [
  namespaces.get(`${name}-results`),
  namespaces.get(`${name}-aside`),
  `${name}-events`,
  `${name}-intake`,
  databases.get(name),
]

test('a first deployment makes every store, deploys, and says what is still to be done', async () => {
  const { state, out, err, status } = await deployed()
  expect({ err, status }).toEqual({ err: '', status: 0 })
  expect(stores(state)).toEqual(named('zego-snapshots'))
  expect(targets(state, 'zego-snapshots')).toEqual(own(state, 'zego-snapshots'))
  expect(state.queues.get('zego-snapshots-intake')?.consumers).toMatchObject([{ script: 'zego-snapshots' }])
  expect(out).toContain('npx wrangler secret put ZEGO_CALLBACK_SECRET --name zego-snapshots\n')
  expect(out).toContain('npx wrangler secret put API_TOKEN --name zego-snapshots\n')
  expect(out).toContain('https://zego-snapshots.acme.workers.dev/zego/callback/<path token>\n')
  expect(out).toContain('openssl rand -hex 24')
})

test('a first deployment whose upload was refused is repeated, with the stores that it made', async () => {
  const state = { ...newState(), isEmailVerified: false }
  const refused = await deploy(state)
  expect(refused.err).toContain('[code: 10034]')
  expect(refused.err).toContain('What was made stays')
  expect(refused.status).toBe(1)
  const made = own(state, 'zego-snapshots')
  state.isEmailVerified = true
  const { out, err, status } = await deploy(state)
  expect({ err, status }).toEqual({ err: '', status: 0 })
  expect(out).not.toMatch(/ made /)
  expect(targets(state, 'zego-snapshots')).toEqual(made)
})

test('after `wrangler delete` the Worker gets the stores back that it had', async () => {
  const { state } = await deployed()
  const had = targets(state, 'zego-snapshots')
  state.workers.delete('zego-snapshots')
  const { err, status } = await deploy(state)
  expect({ err, status }).toEqual({ err: '', status: 0 })
  expect(targets(state, 'zego-snapshots')).toEqual(had)
})

test('the next deployment of a Worker makes again what was removed, keeps renamed namespaces, and knows which secrets are set', async () => {
  const { state } = await deployed()
  const results = state.namespaces.get('zego-snapshots-results')!
  state.namespaces = new Map([['renamed', results]])
  state.queues.delete('zego-snapshots-events')
  state.workers.get('zego-snapshots')!.secrets.push('ZEGO_CALLBACK_SECRET', 'CALLBACK_PATH_TOKEN')
  const { out, err, status } = await deploy(state)
  expect({ err, status }).toEqual({ err: '', status: 0 })
  expect(stores(state)).toEqual(expect.arrayContaining(['renamed', 'zego-snapshots-aside', 'zego-snapshots-events']))
  expect(targets(state, 'zego-snapshots')).toEqual([results, ...own(state, 'zego-snapshots').slice(1)])
  expect(out).not.toContain('secret put ZEGO_CALLBACK_SECRET')
  expect(out).toContain('secret put API_TOKEN')
  expect(out).not.toContain('openssl rand')
})

test('another installation by --name shares nothing with the first, which stays as it was', async () => {
  const { state } = await deployed()
  const production = targets(state, 'zego-snapshots')!
  const { out, err, status } = await deploy(state, ['--name', 'zego-snapshots-staging'])
  expect({ err, status }).toEqual({ err: '', status: 0 })
  expect(targets(state, 'zego-snapshots')).toEqual(production)
  const staging = targets(state, 'zego-snapshots-staging')!
  expect(staging).toEqual(own(state, 'zego-snapshots-staging'))
  expect(staging.filter((target) => production.includes(target))).toEqual([])
  expect(state.queues.get('zego-snapshots-intake')?.consumers).toHaveLength(1)
  expect(state.queues.get('zego-snapshots-staging-intake')?.consumers).toMatchObject([
    { script: 'zego-snapshots-staging' },
  ])
  expect(out).toContain('npx wrangler secret put ZEGO_CALLBACK_SECRET --name zego-snapshots-staging\n')
  expect(out).toContain('https://zego-snapshots-staging.acme.workers.dev/zego/callback/<path token>\n')
})

test.each([
  ['lacks', ['D1', 'Queues']],
  ['lacks', ['Workers KV Storage']],
  ['reads', ['Workers Scripts', 'Workers KV Storage', 'D1', 'Queues']],
] as const)(
  'the token %s %j (lacks: has not; reads: has only Read): each is named, and nothing is made',
  async (what, permissions) => {
    const state = newState()
    permissions.forEach((permission) => state[what].add(permission))
    const { out, err, status } = await deploy(state)
    const missing = Array.from(err.matchAll(/^ {2}(.+): Edit/gm), ([, permission]) => permission)
    expect(missing.toSorted(), err).toEqual([...permissions].toSorted())
    expect({ out, status, made: [...stores(state), ...state.workers] }).toEqual({ out: '', status: 1, made: [] })
  },
)

test('several accounts: it says what to set, and nothing is made', async () => {
  const state = newState()
  state.accounts.push({ id: 'f'.repeat(32), name: 'Other' })
  const { err, status } = await deploy(state)
  expect(err).toContain('Set CLOUDFLARE_ACCOUNT_ID')
  expect(err).toContain(`  ${ACCOUNT}  Acme\n  ${'f'.repeat(32)}  Other\n`)
  expect({ status, made: stores(state) }).toEqual({ status: 1, made: [] })
})

test('without a token it uses the login of Wrangler', async () => {
  const state = newState()
  state.lacks.add('D1')
  const nobody = await deploy(state, [], {})
  expect(nobody.err).toContain('Log in with `npx wrangler login`, or set CLOUDFLARE_API_TOKEN')
  const directory = join(home, '.wrangler/config')
  mkdirSync(directory, { recursive: true })
  const login = 'oauth_token = "login"\nexpiration_time = "2999-01-01T00:00:00.000Z"\nscopes = ["account:read"]\n'
  writeFileSync(join(directory, 'default.toml'), login)
  const somebody = await deploy(state, [], {})
  expect(somebody.err).toContain('D1: Edit')
  expect(somebody.err).toContain('`npx wrangler login` asks for all of them')
})

test('refuses an environment of Wrangler, and says what to do instead', async () => {
  const { err, status } = await deploy(newState(), [], { ...TOKEN, CLOUDFLARE_ENV: 'staging' })
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
  expect(urlAmong(['schedule: * * * * *', workersDev])).toBe(workersDev)
  expect(urlAmong([workersDev, 'callbacks.example.com (custom domain)'])).toBe('https://callbacks.example.com')
  expect(urlAmong(['schedule: * * * * *'])).toBeUndefined()
})
