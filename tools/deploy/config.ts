/** wrangler.toml as an installation needs it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import type { Unstable_RawConfig } from 'wrangler'

export type Config = Unstable_RawConfig & { name: string }

export const root = join(import.meta.dirname, '../..')

export const readConfig = () => parse(readFileSync(join(root, 'wrangler.toml'), 'utf8')) as unknown as Config

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

/** KV namespaces have no name in wrangler.toml: this is the title that Wrangler gives them. */
export const titleAfter = (worker: string, binding: string) => `${worker}-${binding.toLowerCase().replaceAll('_', '-')}`

export const queuesOf = ({ queues = {} }: Config) =>
  new Set([
    ...(queues.producers ?? []).map(({ queue, binding }) => queue ?? binding),
    ...(queues.consumers ?? []).flatMap(({ queue, dead_letter_queue }) => [queue, dead_letter_queue ?? queue]),
  ])
