/** The built Worker on its stage, in workerd, with stores of its own. */
import { bundle, type Module } from '../lib/bundle.ts'
import { EVENTS, INTAKE, startWorld } from '../lib/world.ts'
import { AT_REST, GENERATIONS, type Orders, STAGE, type State, type Stored } from './orders.ts'

const DEAD = 'rehearsal-dead'

/** The stage, and beside it the Worker's own build, as often as it may be started again. */
export async function build(): Promise<Module[]> {
  const [stage, worker] = await Promise.all([bundle('tools/rehearsal/stage.ts'), bundle('src/worker.ts')])
  const code = worker.filter(({ type }) => type === 'ESModule')
  const copies = Array.from({ length: GENERATIONS }, (_, generation) =>
    code.map((module) => ({ ...module, path: `receiver-${generation}.js` })),
  )
  const modules = [...stage, ...copies.flat(), ...worker.filter(({ type }) => type === 'Text')]
  return [...new Map(modules.map((module) => [module.path, module])).values()]
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>

/** @param scale of the Worker's time: 0.1 is ten times as fast */
export async function startReceiver(modules: Module[], scale: number, onLog?: (line: string) => void) {
  const { url, callbackUrl, stop } = await startWorld(modules, {
    scale,
    onLog,
    consumes: {
      [INTAKE]: { deadLetterQueue: DEAD },
      [EVENTS]: { maxBatchSize: 100, maxBatchTimeout: scale, maxRetries: 10, deadLetterQueue: DEAD },
      [DEAD]: { maxBatchTimeout: 0.05 },
    },
  })
  let orders: Orders = { ...AT_REST, clock: { origin: Date.now(), scale, shift: 0 } }

  async function ask<Value>(what: string, body: unknown = {}): Promise<Value> {
    const response = await fetch(new URL(STAGE + what, url), {
      method: 'POST',
      // A connection that was kept could be closed in the moment in which it is used again.
      headers: { connection: 'close' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Value
  }

  async function order(changed: Partial<Orders>) {
    orders = { ...orders, ...changed }
    await ask('orders', orders)
  }

  return {
    callbackUrl,
    order,
    stop,
    /** The Worker's time. */
    now: () => orders.clock.origin + (Date.now() - orders.clock.origin) / scale + orders.clock.shift,
    putClockForward: (ms: number) => order({ clock: { ...orders.clock, shift: orders.clock.shift + ms } }),
    /** @param at the scheduled time; ends when the Worker's run has ended */
    cron: (at: number) => ask(`cron?at=${at}`),
    state: () => ask<State>('state'),
    async stored(): Promise<Stored[]> {
      const rows: Stored[] = []
      for (;;) {
        const page = await ask<Stored[]>(`stored?after=${rows.at(-1)?.place ?? 0}`)
        if (page.length === 0) return rows
        rows.push(...page)
      }
    },
  }
}
