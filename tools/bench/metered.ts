/** The Worker, and the rows of D1 that it has read: `GET /meter` tells how many since the last time. */
import worker from '../../src/worker.ts'
import type { IntakeMessage } from '../../src/jobs.ts'
import type { Env } from '../../src/settings.ts'
import { resultsOf, type Watch, watched } from '../lib/stores.ts'

let rows = 0

const count: Watch = async (_call, work) => {
  const value = await work()
  for (const { meta } of resultsOf(value)) rows += meta.rows_read
  return value
}

const metered = (env: Env): Env => ({ ...env, ...watched(env, count) })

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== '/meter') return worker.fetch(request, metered(env), ctx)
    const reading = rows
    rows = 0
    return Response.json(reading)
  },
  queue: async (batch, env) => worker.queue(batch, metered(env)),
  scheduled: async (controller, env) => worker.scheduled(controller, metered(env)),
} satisfies ExportedHandler<Env, IntakeMessage>
