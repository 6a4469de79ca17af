/** The OpenAPI document as it is made, and answers compared to it. */
import { expect } from 'vitest'
import * as z from 'zod'
import { openApiDocument } from '../../tools/openapi/document.ts'

export type Json = Record<string, unknown>
type Content = Record<string, { schema: Json }>
type Answer = { description: string; content?: Content; headers?: Json }
type Operation = {
  operationId: string
  tags: string[]
  summary: string
  description: string
  parameters: { name: string; in: string; description: string; required: boolean; schema: Json }[]
  requestBody?: { content: Content }
  responses: Record<string, Answer>
}
type Document = {
  openapi: string
  info: Json
  servers: Json[]
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  webhooks: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Json> }
}

export const document = openApiDocument() as Document
export const operations = Object.values({ ...document.paths, ...document.webhooks }).flatMap((methods) =>
  Object.values(methods),
)

/** A schema of the document with all that it refers to, as one that validates. */
export function validator(schema: Json) {
  const whole = JSON.stringify({ ...schema, $defs: document.components.schemas })
  return z.fromJSONSchema(
    JSON.parse(whole.replaceAll('#/components/schemas/', '#/$defs/')) as z.core.JSONSchema.JSONSchema,
  )
}

/** What an answer is for short: its status, and its code, its reason or what has become of a task. */
function gistOf(status: number, body: Json): string {
  const { code, reason, status: outcome } = body as Record<string, string | undefined>
  return `${status} ${code ?? reason ?? outcome ?? ''}`.trim()
}

/**
 * Compares an answer to what is documented for it.
 * @param route as `POST /zego/callback`
 * @param gist what it is to be, as `409 signature_reused`
 */
export async function holds(route: string, gist: string, answer: Response): Promise<void> {
  const [method, path] = route.split(' ') as [string, string]
  const text = await answer.text()
  const body = text === '' ? {} : (JSON.parse(text) as Json)
  expect([route, gistOf(answer.status, body)]).toEqual([route, gist])
  const documented = document.paths[path]?.[method.toLowerCase()]?.responses[answer.status]
  expect([route, gist, documented !== undefined]).toEqual([route, gist, true])
  const { content = {}, headers = {} } = documented!
  const [type] = Object.keys(content)
  if (type === undefined) return expect(text).toBe('')
  expect(answer.headers.get('content-type')).toBe(type)
  const { error } = validator(content[type]!.schema).safeParse(body)
  expect([route, gist, error?.issues]).toEqual([route, gist, undefined])
  for (const name of Object.keys(headers).filter((header) => header !== 'Retry-After')) {
    expect([route, gist, name, answer.headers.has(name)]).toEqual([route, gist, name, true])
  }
}
