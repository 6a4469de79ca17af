/** Query parameters, read by the schema that documents them: what it does not name is refused, and so is a repetition. */
import * as z from 'zod/mini'
import { ProblemError } from './problem.ts'

/** A whole number in digits. */
export const wholeNumber = (least: number, most: number) =>
  z.pipe(
    z.pipe(
      z.string().check(z.regex(/^\d{1,15}$/)),
      z.transform((text) => Number(text)),
    ),
    z.int().check(z.minimum(least), z.maximum(most)),
  )

/** An ISO 8601 time, with its offset, or a date, in UTC. As text; `Date.parse` reads it. */
const time = () => z.union([z.iso.datetime({ offset: true }), z.iso.date()])

export const flag = () =>
  z.pipe(
    z.pipe(
      z.enum(['true', 'false']),
      z.transform((text) => text === 'true'),
    ),
    z.boolean(),
  )

/** A place in a list, opaque to whoever holds it. */
export const cursor = (form: RegExp) => z.string().check(z.regex(form))

/** What both lists take. */
export const paging = () => ({
  since: z.optional(time()),
  until: z.optional(time()),
  limit: z.optional(wholeNumber(1, 100)),
})

export const DEFAULT_LIMIT = 20

/** The parameters of a route. */
export type Query<Shape extends z.core.$ZodShape = z.core.$ZodShape> = () => z.ZodMiniObject<Shape>

/** Its schema is made when it is first asked for: an isolate that only takes callbacks starts without it. */
export function queryOf<Shape extends z.core.$ZodShape>(shape: () => Shape): Query<Shape> {
  let schema: z.ZodMiniObject<Shape> | undefined
  return () => (schema ??= z.object(shape()))
}

/** For routes without parameters. */
export const noQuery = queryOf(() => ({}))

/** The query; throws the problem that names what is wrong with it. */
export function readQuery<Shape extends z.core.$ZodShape>(
  url: string,
  query: Query<Shape>,
): z.output<z.ZodMiniObject<Shape>> {
  const schema = query()
  const given = new URL(url).searchParams
  for (const name of given.keys()) {
    if (!Object.hasOwn(schema.shape, name)) throw invalid(name, `There is no parameter ${JSON.stringify(name)} here.`)
    if (given.getAll(name).length > 1) throw invalid(name, `${name} is given more than once.`)
  }
  const read = z.safeParse(schema, Object.fromEntries(given))
  if (read.success) return read.data
  const parameter = String(read.error.issues[0]?.path[0])
  throw invalid(parameter, `${parameter} cannot be used as it is given: /openapi.json says what it may be.`)
}

function invalid(parameter: string, detail: string): ProblemError {
  const title = 'A query parameter is wrong'
  return new ProblemError({ code: 'invalid_request', status: 400, title, detail, more: { parameter } })
}
