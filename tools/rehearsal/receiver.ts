/** The built Worker on its stage, in workerd, with real local D1, KV and Queues of its own. */
import { join } from 'node:path'
import { convertV4MiniflareOptions, Miniflare, NoOpLog } from 'miniflare'
import { unstable_readConfig } from 'wrangler'
import type { Module } from '../bundle.ts'
import { STAGE, type Orders, type State, type Stored } from './orders.ts'

const root = join(import.meta.dirname, '../..')

export const SECRET = 'secret'

const INTAKE = 'zego-snapshots-intake'
const EVENTS = 'zego-snapshots-events'
const DEAD = 'rehearsal-dead'

/** @param scale of the Worker's time: 0.1 is ten times as fast */
export async function startReceiver(modules: Module[], scale: number, onLog?: (line: string) => void) {
  const { compatibility_date, queues } = unstable_readConfig({ config: join(root, 'wrangler.toml') })
  const consumer = queues.consumers?.find(({ queue }: { queue: string }) => queue === INTAKE)
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: 'receiver',
      modules,
      compatibilityDate: compatibility_date ?? '',
      bindings: { ZEGO_CALLBACK_SECRET: SECRET, API_TOKEN: 'rehearsal' },
      d1Databases: ['DB'],
      kvNamespaces: ['RESULTS', 'ASIDE'],
      queueProducers: { INTAKE, EVENTS },
      queueConsumers: {
        [INTAKE]: {
          maxBatchSize: consumer?.max_batch_size ?? 10,
          maxBatchTimeout: (consumer?.max_batch_timeout ?? 1) * scale,
          maxRetries: consumer?.max_retries ?? 3,
          deadLetterQueue: DEAD,
        },
        [EVENTS]: { maxBatchSize: 100, maxBatchTimeout: scale, maxRetries: 10, deadLetterQueue: DEAD },
        [DEAD]: { maxBatchTimeout: 0.05 },
      },
      // Past the proxy of Miniflare, which would be the slowest part.
      unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
      handleStructuredLogs: ({ message }) => onLog?.(message),
      log: new NoOpLog(),
    }),
  )
  await miniflare.ready
  const url = await miniflare.unsafeGetDirectURL('receiver')
  return new Receiver(miniflare, url, scale)
}

export class Receiver {
  readonly callbackUrl: URL
  #orders: Orders
  readonly #miniflare: Miniflare
  readonly #url: URL

  constructor(miniflare: Miniflare, url: URL, scale: number) {
    this.#miniflare = miniflare
    this.#url = url
    this.callbackUrl = new URL('/zego/callback', url)
    this.#orders = {
      failures: {},
      clock: { origin: Date.now(), scale, shift: 0 },
      generation: 0,
      callsAfterAnswer: null,
      callsOfCron: null,
      redeliver: false,
    }
  }

  /** The Worker's time. */
  now() {
    const { origin, scale, shift } = this.#orders.clock
    return origin + (Date.now() - origin) / scale + shift
  }

  async order(orders: Partial<Omit<Orders, 'clock'>>) {
    this.#orders = { ...this.#orders, ...orders }
    await this.#ask('orders', this.#orders)
  }

  async putClockForward(ms: number) {
    const { clock } = this.#orders
    this.#orders.clock = { ...clock, shift: clock.shift + ms }
    await this.order({})
  }

  /** @param at the scheduled time; ends when the Worker's run has ended */
  async cron(at: number) {
    await this.#ask(`cron?at=${at}`, {})
  }

  async state(): Promise<State> {
    return (await this.#ask('state', {})) as State
  }

  async stored(): Promise<Stored[]> {
    const rows: Stored[] = []
    for (;;) {
      const page = (await this.#ask(`stored?after=${rows.at(-1)?.place ?? 0}`, {})) as Stored[]
      if (page.length === 0) return rows
      rows.push(...page)
    }
  }

  async stop() {
    await this.#miniflare.dispose()
  }

  async #ask(what: string, body: unknown): Promise<unknown> {
    const response = await fetch(new URL(STAGE + what, this.#url), {
      method: 'POST',
      // A connection that was kept could be closed in the moment in which it is used again.
      headers: { connection: 'close' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`)
    return response.json()
  }
}
