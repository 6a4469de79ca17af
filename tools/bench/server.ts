/** A Worker in workerd with local D1, KV and Queues, past Miniflare's proxy: that would be the slowest part. */
import { join } from 'node:path'
import { convertV4MiniflareOptions, Miniflare, NoOpLog } from 'miniflare'
import { unstable_readConfig } from 'wrangler'
import type { Module } from '../bundle.ts'
import { SECRET } from './secret.ts'

export const API_TOKEN = 'bench'

const EVENTS = 'zego-snapshots-events'
const INTAKE = 'zego-snapshots-intake'

/** Counts what arrives. */
const CONSUMER = `
  let arrived = 0
  export default {
    queue(batch) { arrived += batch.messages.length },
    fetch() { return Response.json(arrived) },
  }`

const config = unstable_readConfig({ config: join(import.meta.dirname, '../../wrangler.toml') })
export const compatibilityDate = config.compatibility_date ?? ''
const socket = { host: '127.0.0.1', port: 0 }

export type Server = Awaited<ReturnType<typeof startServer>>

export async function startServer(modules: Module[]) {
  const intake = config.queues.consumers?.find(({ queue }: { queue: string }) => queue === INTAKE)
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      log: new NoOpLog(),
      handleStructuredLogs: () => undefined,
      workers: [
        {
          name: 'receiver',
          modules,
          compatibilityDate,
          bindings: { ZEGO_CALLBACK_SECRET: SECRET, API_TOKEN },
          d1Databases: ['DB'],
          kvNamespaces: ['RESULTS', 'ASIDE'],
          queueProducers: { INTAKE, EVENTS },
          queueConsumers: {
            [INTAKE]: { maxBatchSize: intake?.max_batch_size ?? 10, maxBatchTimeout: intake?.max_batch_timeout ?? 1 },
          },
          unsafeDirectSockets: [socket],
        },
        {
          name: 'consumer',
          modules: true,
          script: CONSUMER,
          compatibilityDate,
          queueConsumers: { [EVENTS]: { maxBatchSize: 100, maxBatchTimeout: 0.05 } },
          unsafeDirectSockets: [socket],
        },
      ],
    }),
  )
  await miniflare.ready
  const url = await miniflare.unsafeGetDirectURL('receiver')
  const consumer = await miniflare.unsafeGetDirectURL('consumer')
  const worker = await miniflare.getWorker('receiver')
  return {
    url,
    callbackUrl: new URL('/zego/callback', url),
    db: await miniflare.getD1Database('DB', 'receiver'),
    intake: await miniflare.getQueueProducer('INTAKE', 'receiver'),
    aside: await miniflare.getKVNamespace('ASIDE', 'receiver'),
    /** How many events have arrived at their consumer. */
    events: async () => Number(await (await fetch(consumer)).text()),
    cron: (scheduledTime = new Date()) => worker.scheduled({ scheduledTime, cron: '* * * * *' }),
    stop: () => miniflare.dispose(),
  }
}
