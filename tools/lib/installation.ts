/** One installation: its configuration for Wrangler, and its stores. */
import type { Unstable_RawConfig } from 'wrangler'

export type Config = Unstable_RawConfig & { name: string }

/** What went wrong, and what to do about it. */
export class DeployError extends Error {}

/** Runs Wrangler, as `spawnSync` does. */
export type RunWrangler = (args: string[]) => { status: number | null; stdout: string; stderr: string }

/**
 * Another installation shares nothing with the first: its stores have other names, it takes no id from wrangler.toml, and
 * no route, because Cloudflare would take that away from the first.
 */
export function installation(config: Config, name: string): Config {
  if (name === config.name) return config
  const rename = (store: string) =>
    store.startsWith(config.name) ? name + store.slice(config.name.length) : `${name}-${store}`
  const { route: _route, routes: _routes, ...shared } = config
  return {
    ...shared,
    name,
    workers_dev: true,
    kv_namespaces: (config.kv_namespaces ?? []).map(({ binding }) => ({ binding })),
    d1_databases: (config.d1_databases ?? []).map(({ binding, database_name }) => ({
      binding,
      database_name: rename(database_name ?? binding),
    })),
    queues: {
      producers: (config.queues?.producers ?? []).map((one) => ({ ...one, queue: rename(one.queue ?? one.binding) })),
      consumers: (config.queues?.consumers ?? []).map((one) => ({
        ...one,
        queue: rename(one.queue),
        ...(one.dead_letter_queue && { dead_letter_queue: rename(one.dead_letter_queue) }),
      })),
    },
  }
}

/** What Cloudflare says to a token that lacks a permission, and to a second queue with the same name. */
const FORBIDDEN = '[code: 10000]'
const QUEUE_EXISTS = '[code: 11009]'

/**
 * Makes the stores that are missing, and gives Wrangler the ids of the namespaces: it finds these only through the deployed
 * Worker, and databases and queues by their names. Each is made by a command of its own, so that a refusal tells which
 * permission is missing.
 */
export function withStores(config: Config, run: RunWrangler): Config {
  const ask = (permission: string, typed: string) => {
    const { status, stdout, stderr } = run(typed.split(' '))
    const said = stdout + stderr
    if (status === 0 || said.includes(QUEUE_EXISTS)) return stdout
    const remedy = `The token lacks the permission ${permission}: Edit. Add it under Account at https://dash.cloudflare.com/profile/api-tokens;
docs/deploying.md lists all that it needs. With \`npx wrangler login\`, log in again.`
    throw new DeployError(`Wrangler cannot do \`${typed}\`:\n${said}\n${said.includes(FORBIDDEN) ? remedy : ''}`)
  }
  const make = (permission: string, kind: string, wanted: string[], found: string[]) => {
    for (const name of wanted) if (!found.includes(name)) ask(permission, `${kind} create ${name}`)
  }
  const listed = (permission: string, typed: string) => JSON.parse(ask(permission, typed)) as Record<string, string>[]
  const namespaces = () =>
    new Map(listed('Workers KV Storage', 'kv namespace list').map(({ title, id }) => [title!, id!]))
  const databases = listed('D1', 'd1 list --json').map(({ name }) => name!)

  const { kv_namespaces = [], d1_databases = [] } = config
  const titles = kv_namespaces.filter(({ id }) => !id).map(({ binding }) => titleOf(config, binding))
  const names = d1_databases.filter(({ database_id }) => !database_id).map((one) => one.database_name ?? config.name)
  make('Workers KV Storage', 'kv namespace', titles, [...namespaces().keys()])
  make('D1', 'd1', names, databases)
  make('Queues', 'queues', [...queuesOf(config)], [])
  const ids = namespaces()
  const withId = kv_namespaces.map((one) => ({ ...one, id: one.id ?? ids.get(titleOf(config, one.binding))! }))
  return { ...config, kv_namespaces: withId }
}

/** KV namespaces have no name in wrangler.toml: this is the title that Wrangler gives them. */
const titleOf = ({ name }: Config, binding: string) => `${name}-${binding.toLowerCase().replaceAll('_', '-')}`

const queuesOf = ({ queues = {} }: Config) =>
  new Set([
    ...(queues.producers ?? []).map(({ queue, binding }) => queue ?? binding),
    ...(queues.consumers ?? []).flatMap(({ queue, dead_letter_queue }) => [queue, dead_letter_queue ?? queue]),
  ])
