/** The Worker, and the rows of D1 that it has read: `GET /meter` tells how many since the last time. */
import worker from '../../src/worker.ts'
import type { IntakeMessage } from '../../src/intake/buffer.ts'
import type { Env } from '../../src/settings.ts'

let rows = 0

const counted = <Result extends D1Result>(result: Result): Result => {
  rows += result.meta.rows_read
  return result
}

/** A batch wants the real statements. */
const real = new WeakMap<D1PreparedStatement, D1PreparedStatement>()

function statement(inner: D1PreparedStatement): D1PreparedStatement {
  const outer = {
    bind: (...values: unknown[]) => statement(inner.bind(...values)),
    run: async () => counted(await inner.run()),
    all: async () => counted(await inner.all()),
    first: async () => counted(await inner.all()).results[0] ?? null,
  } as D1PreparedStatement
  real.set(outer, inner)
  return outer
}

const metered = ({ DB, ...env }: Env): Env => ({
  ...env,
  DB: {
    prepare: (sql: string) => statement(DB.prepare(sql)),
    batch: async (statements: D1PreparedStatement[]) =>
      (await DB.batch(statements.map((each) => real.get(each) ?? each))).map(counted),
  } as D1Database,
})

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
