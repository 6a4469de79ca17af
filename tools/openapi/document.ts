/** The OpenAPI document, made of the table of routes and of the schemas that validate. */
import * as z from 'zod/mini'
import type { Query } from '../../src/http/query.ts'
import type { Route } from './routes.ts'
import { type SchemaName, schemas } from './schemas.ts'

type Json = Record<string, unknown>

export function documentOf(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route) }
  return {
    openapi: '3.1.0',
    info: { title: 'zego-snapshots', version: '1', description: "ZEGOCLOUD's on-demand screenshots, received." },
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  }
}

function operationOf({ path, summary, isOpen = false, query, body, answers }: Route): Json {
  return {
    summary,
    security: isOpen ? [] : [{ token: [] }],
    parameters: [...pathParameters(path), ...queryParameters(query)],
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: reference(body) } } } }),
    responses: Object.fromEntries(Object.entries(answers).map(([status, name]) => [status, responseOf(status, name)])),
  }
}

function responseOf(status: string, name: SchemaName | null): Json {
  const description = DESCRIPTIONS[status] ?? 'As asked.'
  if (name === null) return { description }
  const type = name === 'Problem' ? 'application/problem+json' : 'application/json'
  return { description, content: { [type]: { schema: reference(name) } } }
}

const DESCRIPTIONS: Record<string, string> = {
  202: 'Taken, and not done yet; or kept in the quarantine.',
  204: 'Gone.',
  304: 'It has not changed.',
  400: 'Something in the request is wrong: `parameter` names it.',
  401: 'The token, or the signature, is not right.',
  404: 'Not known.',
  409: 'Something stands against it.',
  503: 'Not configured, or a store does not answer.',
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
    description: 'Percent-encoded.',
  }))
}

function queryParameters(query: Query | undefined): Json[] {
  if (query === undefined) return []
  return Object.entries(query().shape).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: plain(z.toJSONSchema(schema as z.ZodMiniType)),
  }))
}

function reference(name: SchemaName): Json {
  return { $ref: `#/components/schemas/${name}` }
}

function componentSchemas(): Json {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id })
  const made = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}`, unrepresentable: 'any' })
  return Object.fromEntries(Object.entries(made.schemas).map(([id, schema]) => [id, plain(schema)]))
}

/** OpenAPI 3.1 has its own word for the dialect, and its own place for the id. */
function plain(schema: object): Json {
  const { $schema: _dialect, $id: _id, id: _name, ...rest } = schema as Json
  return rest
}
