/** The OpenAPI document, made of the table of routes and of the schemas that validate. */
import * as z from 'zod/mini'
import { type ProblemCode, PROBLEMS } from '../../src/http/problem.ts'
import type { Query } from '../../src/http/query.ts'
import { type Answer, ANY_REQUEST, type Route, ROUTES } from './routes.ts'
import { componentSchemas, inlineSchema, type SchemaName } from './schemas.ts'

type Json = Record<string, unknown>

/** By the paths that have them: the first that fits. */
const TAGS = [
  { of: '/zego/', name: 'callbacks', description: 'What ZEGOCLOUD calls.' },
  {
    of: '/v1/quarantine',
    name: 'quarantine',
    description: 'Callbacks that were not stored: listed, retried, deleted.',
  },
  { of: '/v1/status', name: 'health', description: 'The state of the receiver.' },
  { of: '/v1/', name: 'snapshots', description: 'The results: read, started, published again, deleted.' },
  { of: 'the queue', name: 'events', description: 'What the queue delivers.' },
]

export function openApiDocument(): Json {
  const paths: Record<string, Json> = {}
  for (const [name, route] of Object.entries(ROUTES)) {
    const [method, path] = name.split(' ') as [string, string]
    paths[path] = { ...paths[path], [method]: operationOf(method, path, route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'zego-snapshots',
      version: '1',
      description:
        "ZEGOCLOUD's on-demand screenshots: received, stored and published. Times are ISO 8601 in UTC with milliseconds. Fields are added later; none is renamed or removed.",
      license: { name: 'MIT', identifier: 'MIT' },
      contact: { name: 'Whoever runs this receiver' },
    },
    servers: [{ url: '/', description: 'The Worker that this document comes from.' }],
    tags: TAGS.map(({ name, description }) => ({ name, description })),
    paths,
    webhooks: { snapshotFinished: { post: EVENT } },
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'API_TOKEN; for GET, READ_TOKEN is enough.' },
      },
    },
  }
}

/** It comes by the queue rather than by HTTP: OpenAPI has no other place for it. */
const EVENT = {
  operationId: 'onSnapshotFinished',
  tags: ['events'],
  summary: 'A task has finished.',
  description:
    'A message of the queue `zego-snapshots-events`, not a request: at least once for each finished task, in no order. Drop repeats by `id`. With `dataref` the pictures are left out: GET that path of this Worker.',
  security: [],
  requestBody: { required: true, content: { 'application/json': { schema: reference('Event') } } },
  responses: { '204': { description: 'The consumer acknowledges the message.' } },
}

function operationOf(method: string, path: string, route: Route): Json {
  const { operationId, summary, description, query, body, answers, problems = [] } = route
  return {
    operationId,
    tags: [TAGS.find(({ of }) => path.startsWith(of))?.name ?? 'health'],
    summary,
    description: description ?? summary,
    security: isOpen(path) ? [] : [{ token: [] }],
    parameters: parametersOf(path, query, answers),
    ...(body && { requestBody: { required: true, content: contentOf(isOpen(path) ? FORMS : [JSON_TYPE], body) } }),
    responses: responsesOf({ ...problemsOf([...guardsOf(method, path), ...problems]), ...answers }),
  }
}

const JSON_TYPE = 'application/json'
/** As which a callback may come. */
const FORMS = [JSON_TYPE, 'application/x-www-form-urlencoded', 'multipart/form-data']
const TEXT = { type: 'string' }
const IF_NONE_MATCH = 'The `ETag` of the record that you have: 304 where it is still the same.'

const responsesOf = (answers: Record<string, Answer>): Json =>
  Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, responseOf(answer)]))

function responseOf([description, schema, headers]: Answer): Json {
  const type = schema === 'Problem' ? 'application/problem+json' : JSON_TYPE
  const documented = Object.entries(headers ?? {}).map(([name, words]) => [name, { description: words, schema: TEXT }])
  return {
    description,
    ...(documented.length > 0 && { headers: Object.fromEntries(documented) as Json }),
    ...(schema && { content: contentOf([type], schema) }),
  }
}

const isOpen = (path: string) => !path.startsWith('/v1/')

/** What any route that asks for the token may answer; READ_TOKEN is refused what changes anything. */
function guardsOf(method: string, path: string): ProblemCode[] {
  if (isOpen(path)) return []
  const readOnly = method === 'get' ? [] : (['forbidden'] as const)
  return ['invalid_request', 'unauthorized', ...readOnly, ...ANY_REQUEST]
}

const RETRY_AFTER = { 'Retry-After': 'After how many seconds to send the request again.' }
const HEADERS: Partial<Record<ProblemCode, Record<string, string>>> = {
  unauthorized: { 'WWW-Authenticate': 'Which scheme to use.' },
  method_not_allowed: { Allow: 'The allowed methods.' },
  too_frequent: RETRY_AFTER,
  storage_unavailable: RETRY_AFTER,
}

/** Those with the same status are one answer. */
function problemsOf(codes: readonly ProblemCode[]): Record<string, Answer> {
  const byStatus = Object.entries(Object.groupBy(codes, (code) => PROBLEMS[code].status))
  const answers = byStatus.map(([status, some = []]): [string, Answer] => {
    const words = some.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' ')
    return [status, [words, 'Problem', Object.assign({}, ...some.map((code) => HEADERS[code]))]]
  })
  return Object.fromEntries(answers)
}

function contentOf(types: readonly string[], schema: SchemaName): Json {
  return Object.fromEntries(types.map((type) => [type, { schema: reference(schema) }]))
}

function parametersOf(path: string, query: Query | undefined, answers: Route['answers']): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => parameter('path', name!, 'Percent-encoded.', true))
  const inQuery = Object.entries(query?.().shape ?? {}).map(([name, schema]) => {
    const isRequired = !z.safeParse(schema, undefined).success
    return parameter('query', name, ruleOf(schema), isRequired, inlineSchema(schema))
  })
  const ifNoneMatch = answers[304] ? [parameter('header', 'If-None-Match', IF_NONE_MATCH, false)] : []
  return [...inPath, ...inQuery, ...ifNoneMatch]
}

const parameter = (place: string, name: string, description: string, required: boolean, schema: Json = TEXT): Json => ({
  name,
  in: place,
  required,
  description,
  schema,
})

/** The words of the problem that a wrong value is answered with. */
function ruleOf(schema: z.core.$ZodType): string {
  const { error } = z.safeParse(schema, '\0')
  return error ? `It ${error.issues[0]!.message}.` : 'The exact value, as it is listed.'
}

function reference(name: SchemaName): Json {
  return { $ref: `#/components/schemas/${name}` }
}
