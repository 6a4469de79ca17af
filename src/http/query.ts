/** What a request says, read by the schema that documents it: what it does not name is refused, and so is a repetition. */
import * as z from 'zod/mini'
import { ProblemError } from './problem.ts'

/** A whole number in digits. An error is the rule that is broken: it follows the parameter's name. */
export function wholeNumber(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`
  const digits = z.string({ error }).check(z.regex(/^\d{1,15}$/, error))
  const number = z.int().check(z.minimum(least, error), z.maximum(most, error))
  return z.pipe(z.pipe(digits, z.transform(Number)), number)
}

/** An ISO 8601 time, with its offset, or a date, in UTC. As text; `Date.parse` reads it. */
export function time() {
  const error = 'must be an ISO 8601 time with its offset, such as 2026-01-31T08:00:00Z, or a date'
  // In a query a + that is not percent-encoded means a space. ISO 8601 lets the seconds be left out.
  const whole = z.transform((text: string) =>
    text.replace(/ (?=\d\d:\d\d$)/, '+').replace(/(?<=T\d\d:\d\d)(?=[Z+-])/, ':00'),
  )
  return z.pipe(z.pipe(z.string({ error }), whole), z.union([z.iso.datetime({ offset: true }), z.iso.date()], error))
}

export function oneOf<const Choices extends readonly [string, ...string[]]>(choices: Choices) {
  const listed = new Intl.ListFormat('en', { type: 'disjunction' }).format(choices)
  return z.enum(choices, `must be ${listed}`)
}

export function flag() {
  return z.pipe(
    z.pipe(
      oneOf(['true', 'false']),
      z.transform((text) => text === 'true'),
    ),
    z.boolean(),
  )
}

/** A place in a list, opaque to whoever holds it. */
export function cursor(form: RegExp) {
  return z.string().check(z.regex(form, 'must be the next_cursor of a page of this list'))
}

const DEFAULT_LIMIT = 20

/** What both lists take. */
export const paging = () => ({
  since: z.optional(time()),
  until: z.optional(time()),
  limit: z._default(wholeNumber(1, 100), DEFAULT_LIMIT),
})

/** In milliseconds. */
export function rangeOf({ since, until }: { since?: string | undefined; until?: string | undefined }) {
  const [from, to] = [since, until].map((at) => (at === undefined ? undefined : Date.parse(at)))
  return { since: from, until: to }
}

/** The parameters of a route. */
export type Query<Shape extends z.core.$ZodShape = z.core.$ZodShape> = () => z.ZodMiniObject<Shape>

/** Its schema is made when it is first asked for: an isolate that only takes callbacks starts without it. */
export function queryOf<Shape extends z.core.$ZodShape>(shape: () => Shape): Query<Shape> {
  let schema: z.ZodMiniObject<Shape> | undefined
  return () => (schema ??= made(shape()))
}

function made<Shape extends z.core.$ZodShape>(shape: Shape) {
  return z.strictObject(shape, `the request takes ${Object.keys(shape).join(', ') || 'no parameters'}`)
}

/** For routes without parameters. */
export const noQuery = queryOf(() => ({}))

/** The query; throws the problem that names what is wrong with it. */
export function readQuery<Shape extends z.core.$ZodShape>(url: string, query: Query<Shape>) {
  const given = new URL(url).searchParams
  const repeated = [...given.keys()].find((name, index, names) => names.indexOf(name) !== index)
  if (repeated !== undefined) throw invalid(repeated, `${repeated} must be given only once.`)
  return checked(query(), Object.fromEntries(given))
}

/** What a schema makes of a value; throws the problem that names the first thing that is wrong with it, and its rule. */
export function checked<Schema extends z.ZodMiniType>(schema: Schema, value: unknown): z.output<Schema> {
  const read = z.safeParse(schema, value)
  if (read.success) return read.data
  const [issue] = read.error.issues as [z.core.$ZodIssue]
  if (issue.code === 'unrecognized_keys') {
    const name = issue.keys[0]!
    throw invalid(name, `${JSON.stringify(name)} is not allowed: ${issue.message}.`)
  }
  const parameter = String(issue.path[0])
  throw invalid(parameter, `${parameter} ${issue.message}.`)
}

export function invalid(parameter: string, detail: string): ProblemError {
  return new ProblemError({ code: 'invalid_request', detail, more: { parameter } })
}
