/** A Worker to be measured, with a consumer of its events. */
import type { Module } from '../lib/bundle.ts'
import { compatibilityDate, EVENTS, startWorld } from '../lib/world.ts'

/** Counts what arrives. */
const CONSUMER = `
  let arrived = 0
  export default {
    queue(batch) { arrived += batch.messages.length },
    fetch() { return Response.json(arrived) },
  }`

export type Server = Awaited<ReturnType<typeof startServer>>

export async function startServer(modules: Module[], settings: Record<string, string> = {}) {
  const consumer = {
    name: 'consumer',
    modules: true,
    script: CONSUMER,
    compatibilityDate,
    queueConsumers: { [EVENTS]: { maxBatchSize: 100, maxBatchTimeout: 0.05 } },
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  }
  const world = await startWorld(modules, { settings, others: [consumer] })
  const { miniflare } = world
  const events = await miniflare.unsafeGetDirectURL('consumer')
  const worker = await miniflare.getWorker('receiver')
  return {
    ...world,
    db: await miniflare.getD1Database('DB', 'receiver'),
    intake: await miniflare.getQueueProducer('INTAKE', 'receiver'),
    aside: await miniflare.getKVNamespace('ASIDE', 'receiver'),
    /** How many events have arrived at their consumer. */
    events: async () => Number(await (await fetch(events)).text()),
    cron: (scheduledTime = new Date()) => worker.scheduled({ scheduledTime, cron: '* * * * *' }),
  }
}
