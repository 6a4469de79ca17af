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
  const namespaces = async () => idsBy('title', 'id', await ask('Workers KV Storage', ['kv', 'namespace', 'list']))
  const databases = async () => idsBy('name', 'uuid', await ask('D1', ['d1', 'list', '--json']))

  const titles = new Map((config.kv_namespaces ?? []).map(({ binding }) => [binding, titleOf(config, binding)]))
  const found = await namespaces()
  for (const [binding, title] of titles) {
    const isGiven = config.kv_namespaces?.some((one) => one.binding === binding && one.id)
    if (!isGiven && !found.has(title)) await ask('Workers KV Storage', ['kv', 'namespace', 'create', title])
  }
  const known = await databases()
  for (const { database_name = config.name, database_id } of config.d1_databases ?? []) {
    if (!database_id && !known.has(database_name)) await ask('D1', ['d1', 'create', database_name])
  }
  for (const queue of queuesOf(config)) await ask('Queues', ['queues', 'create', queue], QUEUE_EXISTS)

  const [namespaceIds, databaseIds] = [await namespaces(), await databases()]
  return {
    ...config,
    kv_namespaces: (config.kv_namespaces ?? []).map((one) => ({
      ...one,
      id: one.id ?? namespaceIds.get(titles.get(one.binding)!)!,
    })),
    d1_databases: (config.d1_databases ?? []).map((one) => ({
      ...one,
      database_id: one.database_id ?? databaseIds.get(one.database_name ?? config.name)!,
    })),
  }
}

const idsBy = (name: string, id: string, output: string) =>
  new Map((JSON.parse(output) as Record<string, string>[]).map((row) => [row[name]!, row[id]!]))

/** KV namespaces have no name in wrangler.toml: this is the title that Wrangler gives them. */
const titleOf = ({ name }: Config, binding: string) => `${name}-${binding.toLowerCase().replaceAll('_', '-')}`

const queuesOf = ({ queues = {} }: Config) =>
  new Set([
    ...(queues.producers ?? []).map(({ queue, binding }) => queue ?? binding),
    ...(queues.consumers ?? []).flatMap(({ queue, dead_letter_queue }) => [queue, dead_letter_queue ?? queue]),
  ])

/** The Worker's URL among what Wrangler calls the targets of a deployment: a domain of its own comes first. */
export function urlAmong(targets: string[]): string | undefined {
  const [domain] = targets.flatMap((target) => /^(\S+) \(custom domain/.exec(target)?.[1] ?? [])
  return domain ? `https://${domain}` : targets.find((target) => target.startsWith('https://'))
}
