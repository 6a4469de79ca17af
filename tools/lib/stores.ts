/**
 * The Worker's stores with somebody in between: who meters, delays or breaks calls does it here. What a call does, if it
 * is done, is done by the real store.
 */
import type { Env } from '../../src/settings.ts'

type Bindings = Pick<Env, 'DB' | 'INTAKE' | 'EVENTS' | 'RESULTS' | 'ASIDE'>

export const stores = ['D1', 'INTAKE', 'EVENTS', 'RESULTS', 'ASIDE'] as const
export type Store = (typeof stores)[number]

/** One call of a store. A batch of D1 is one call of several statements. */
export type Call = { store: Store; method: string; statements: readonly Statement[] }
export type Statement = { sql: string; bound: readonly unknown[] }

/** Does the work, or not. Of D1 it always gives a list of results, one for each statement. */
export type Watch = <Value>(call: Call, work: () => Promise<Value>) => Promise<Value>

/** What D1 says of each statement; of other stores nothing. */
export const resultsOf = (value: unknown): D1Result[] =>
  Array.isArray(value) ? value.filter((each): each is D1Result => Reflect.has(Object(each), 'meta')) : []

export const watched = (env: Bindings, watch: Watch): Bindings => ({
  DB: database(env.DB, watch),
  INTAKE: binding('INTAKE', env.INTAKE, watch),
  EVENTS: binding('EVENTS', env.EVENTS, watch),
  RESULTS: binding('RESULTS', env.RESULTS, watch),
  ASIDE: binding('ASIDE', env.ASIDE, watch),
})

function binding<Target extends object>(store: Store, target: Target, watch: Watch): Target {
  return new Proxy(target, {
    get(real, name) {
      const method: unknown = Reflect.get(real, name)
      if (typeof method !== 'function') return method
      const call = { store, method: String(name), statements: [] }
      return (...args: unknown[]) => watch(call, async () => Reflect.apply(method, real, args) as unknown)
    },
  })
}

/** It has only what the Worker uses, so that nothing goes past the watch. */
function database(real: D1Database, watch: Watch): D1Database {
  /** A batch wants the real statements. */
  const known = new WeakMap<object, Statement & { real: D1PreparedStatement }>()

  function statement(inner: D1PreparedStatement, sql: string, bound: readonly unknown[] = []): D1PreparedStatement {
    const ask = (method: string) => async () => {
      const call = { store: 'D1' as const, method, statements: [{ sql, bound }] }
      return (await watch(call, async () => [await inner.all<never>()]))[0]!
    }
    const outer: Partial<D1PreparedStatement> = {
      bind: (...values) => statement(inner.bind(...values), sql, values),
      run: ask('run'),
      all: ask('all'),
      first: async () => (await ask('first')()).results[0] ?? null,
    }
    known.set(outer, { sql, bound, real: inner })
    return outer as D1PreparedStatement
  }

  return {
    prepare: (sql: string) => statement(real.prepare(sql), sql),
    batch: async (list: D1PreparedStatement[]) => {
      const statements = list.map((each) => known.get(each)!)
      return watch({ store: 'D1', method: 'batch', statements }, () => real.batch(statements.map((each) => each.real)))
    },
  } as D1Database
}
