/** The stage, and beside it the Worker's own build, as often as it may be started anew. */
import { bundle, type Module } from '../bundle.ts'
import { GENERATIONS } from './orders.ts'

export async function build(): Promise<Module[]> {
  const [stage, worker] = await Promise.all([bundle('tools/rehearsal/stage.ts'), bundle('src/worker.ts')])
  const copies = Array.from({ length: GENERATIONS }, (_, generation) =>
    worker
      .filter(({ type }) => type === 'ESModule')
      .map((module) => ({ ...module, path: `receiver-${generation}.js` })),
  )
  const texts = [...stage, ...worker].filter(({ type }) => type === 'Text')
  const entry = stage.filter(({ type }) => type === 'ESModule')
  return [...entry, ...copies.flat(), ...new Map(texts.map((module) => [module.path, module])).values()]
}
