/** The built Worker in workerd, with stores of its own. */
import { bundle, type Module } from '../lib/bundle.ts'
import { EVENTS, INTAKE, startWorld } from '../lib/world.ts'
import { AT_REST, GENERATIONS, type Commands, HARNESS, type State, type Stored } from './commands.ts'

const DEAD = 'rehearsal-dead'

/** The harness's entry, and beside it the Worker's own build, as often as it may be started again. */
export async function build(): Promise<Module[]> {
  const [entry, worker] = await Promise.all([bundle('tools/rehearsal/worker.ts'), bundle('src/worker.ts')])
  const code = worker.filter(({ type }) => type === 'ESModule')
  const copies = Array.from({ length: GENERATIONS }, (_, generation) =>
    code.map((module) => ({ ...module, path: `receiver-${generation}.js` })),
  )
  const modules = [...entry, ...copies.flat(), ...worker.filter(({ type }) => type === 'Text')]
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
  let commands: Commands = { ...AT_REST, clock: { origin: Date.now(), scale, shift: 0 } }

  async function ask<Value>(what: string, body: unknown = {}): Promise<Value> {
    const response = await fetch(new URL(HARNESS + what, url), {
      method: 'POST',
      // A connection that was kept could be closed in the moment in which it is used again.
      headers: { connection: 'close' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Value
  }

  async function command(changed: Partial<Commands>) {
    commands = { ...commands, ...changed }
    await ask('commands', commands)
  }

  return {
    callbackUrl,
    command,
    stop,
    /** The Worker's time. */
    now: () => commands.clock.origin + (Date.now() - commands.clock.origin) / scale + commands.clock.shift,
    putClockForward: (ms: number) => command({ clock: { ...commands.clock, shift: commands.clock.shift + ms } }),
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
