/** A built Worker in workerd, with real local D1, KV and Queues as wrangler.toml has them. */
import { existsSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { convertV4MiniflareOptions, Miniflare, NoOpLog } from 'miniflare'
import { unstable_readConfig } from 'wrangler'
import type { Module } from './bundle.ts'
import { API_TOKEN, SECRET } from './secrets.ts'

/** What we read of wrangler.toml. Wrangler's own type of it is in no package. */
type Toml = {
  compatibility_date: string
  d1_databases: { binding: string }[]
  kv_namespaces: { binding: string }[]
  queues: {
    producers: { binding: string; queue: string }[]
    consumers: { queue: string; max_batch_size: number; max_batch_timeout: number; max_retries: number }[]
  }
}
const config = join(import.meta.dirname, '../../wrangler.toml')
const { compatibility_date, d1_databases, kv_namespaces, queues } = unstable_readConfig({ config }) as Toml

export const compatibilityDate = compatibility_date
export const EVENTS = 'zego-snapshots-events'

/** Commits of local stores wait for the disk within the Worker's own thread: a slow disk would be taken for a slow Worker. */
const IN_MEMORY = '/dev/shm'
/** More than any of our tools writes. Containers often have 64 MB there. */
const WANTED_BYTES = 2e9

function keepStoresInMemory() {
  if (!existsSync(IN_MEMORY)) return
  const { bavail, bsize } = statfsSync(IN_MEMORY)
  if (bavail * bsize >= WANTED_BYTES) process.env['TMPDIR'] = IN_MEMORY
}

type Consumer = { maxBatchSize: number; maxBatchTimeout: number; maxRetries: number }

type Options = {
  /** Other queues that the Worker consumes, beside those of wrangler.toml. */
  consumes?: Record<string, Consumer>
  /** Factor on the seconds of wrangler.toml. */
  scale?: number
  onLog?: ((line: string) => void) | undefined
}

export async function startWorld(modules: Module[], { consumes, scale = 1, onLog }: Options = {}) {
  keepStoresInMemory()
  const consumers = queues.consumers.map(
    ({ queue, max_batch_size, max_batch_timeout, max_retries }): [string, Consumer] => [
      queue,
      { maxBatchSize: max_batch_size, maxBatchTimeout: max_batch_timeout * scale, maxRetries: max_retries },
    ],
  )
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      workers: [
        {
          name: 'receiver',
          modules,
          compatibilityDate,
          bindings: { ZEGO_CALLBACK_SECRET: SECRET, API_TOKEN },
          d1Databases: d1_databases.map(({ binding }) => binding),
          kvNamespaces: kv_namespaces.map(({ binding }) => binding),
          queueProducers: Object.fromEntries(queues.producers.map(({ binding, queue }) => [binding, queue])),
          queueConsumers: { ...Object.fromEntries(consumers), ...consumes },
          // Past the proxy of Miniflare, which would be the slowest part.
          unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
        },
      ],
      handleStructuredLogs: ({ message }) => onLog?.(message),
      log: new NoOpLog(),
    }),
  )
  await miniflare.ready
  const url = await miniflare.unsafeGetDirectURL('receiver')
  return { miniflare, url, callbackUrl: new URL('/zego/callback', url), stop: () => miniflare.dispose() }
}
