/** One installation: its configuration for Wrangler, and what Wrangler does with it. */
import type { Unstable_RawConfig } from 'wrangler'

export type Config = Unstable_RawConfig & { name: string }

/** What went wrong, and what to do about it. */
export class DeployError extends Error {}

/** Runs Wrangler. What it prints is shown too if `isShown`. */
export type RunWrangler = (args: string[], isShown?: boolean) => Promise<{ isDone: boolean; output: string }>

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

/** Names the missing permission, where that is why Wrangler was refused. */
export function remedyFor(output: string, permission: string): string {
  if (!output.includes(FORBIDDEN)) return ''
  return `
The token lacks the permission ${permission}: Edit. Add it under Account at https://dash.cloudflare.com/profile/api-tokens;
docs/deploying.md lists all that it needs. With \`npx wrangler login\`, log in again.`
}

/** Where `name` stands in what a list says, and `id`. */
const KV = { permission: 'Workers KV Storage', kind: ['kv', 'namespace'], list: ['list'], name: 'title', id: 'id' }
const D1 = { permission: 'D1', kind: ['d1'], list: ['list', '--json'], name: 'name', id: 'uuid' }

/**
 * Makes the stores that are missing, and gives Wrangler the ids of all: it finds a namespace only through the deployed
 * Worker. Each is made by a command of its own, so that a refusal tells which permission is missing.
 */
export async function withStores(config: Config, run: RunWrangler): Promise<Config> {
  const ask = async (permission: string, args: string[], fine = '') => {
    const { isDone, output } = await run(args)
    if (isDone || (fine && output.includes(fine))) return output
    throw new DeployError(`Wrangler cannot do \`${args.join(' ')}\`:\n${output}${remedyFor(output, permission)}`)
  }
  const idsOf = async ({ permission, kind, list, name, id }: typeof KV, names: string[]) => {
    const rows = async () => JSON.parse(await ask(permission, [...kind, ...list])) as Record<string, string>[]
    const found = (await rows()).map((row) => row[name])
    const missing = names.filter((wanted) => !found.includes(wanted))
    for (const wanted of missing) await ask(permission, [...kind, 'create', wanted])
    return new Map((await rows()).map((row) => [row[name], row[id]!]))
  }
  const { kv_namespaces = [], d1_databases = [] } = config
  const title = ({ binding }: { binding: string }) => titleOf(config, binding)
  const database = ({ database_name }: { database_name?: string }) => database_name ?? config.name
  const namespaceIds = await idsOf(KV, kv_namespaces.filter(({ id }) => !id).map(title))
  const databaseIds = await idsOf(D1, d1_databases.filter(({ database_id }) => !database_id).map(database))
  for (const queue of queuesOf(config)) await ask('Queues', ['queues', 'create', queue], QUEUE_EXISTS)
  return {
    ...config,
    kv_namespaces: kv_namespaces.map((one) => ({ ...one, id: one.id ?? namespaceIds.get(title(one))! })),
    d1_databases: d1_databases.map((one) => ({
      ...one,
      database_id: one.database_id ?? databaseIds.get(database(one))!,
    })),
  }
}

/** KV namespaces have no name in wrangler.toml: this is the title that Wrangler gives them. */
const titleOf = ({ name }: Config, binding: string) => `${name}-${binding.toLowerCase().replaceAll('_', '-')}`

const queuesOf = ({ queues = {} }: Config) =>
  new Set([
    ...(queues.producers ?? []).map(({ queue, binding }) => queue ?? binding),
    ...(queues.consumers ?? []).flatMap(({ queue, dead_letter_queue }) => [queue, dead_letter_queue ?? queue]),
  ])

/** The Worker's URL in what Wrangler prints of a deployment: a domain of its own comes first. */
export function urlIn(output: string): string | undefined {
  const [, domain] = /(\S+) \(custom domain/.exec(output) ?? []
  return domain ? `https://${domain}` : /https:\/\/\S+\.workers\.dev/.exec(output)?.[0]
}
