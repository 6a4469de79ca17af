import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { app } from '../../src/app.ts'
import { documentOf } from '../../tools/openapi/document.ts'
import { ROUTES } from '../../tools/openapi/routes.ts'
import { schemas } from '../../tools/openapi/schemas.ts'
import { signedCallback } from '../callbacks.ts'
import { deliver, read, request } from '../worker.ts'
import { api, del, get, post } from './api.ts'

type Schema = Record<string, unknown>
type Document = {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}
type Operation = {
  parameters: { name: string; in: string; schema: Schema }[]
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}

let document: Document
beforeAll(async () => {
  document = await (await request('https://receiver.test/openapi.json')).json<Document>()
})

/** What is wrong with a value, by the part of JSON Schema that the document uses; nothing if it fits. */
function misfits(value: unknown, schema: Schema, at = '$'): string[] {
  if (typeof schema.$ref === 'string') return misfits(value, resolve(schema.$ref), at)
  for (const word of ['anyOf', 'oneOf']) {
    const choices = schema[word] as Schema[] | undefined
    if (choices?.every((choice) => misfits(value, choice, at).length > 0)) return [`${at} fits no choice`]
  }
  if ('const' in schema && schema.const !== value) return [`${at} is not ${String(schema.const)}`]
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) return [`${at} is not in its list`]
  if (typeof schema.type === 'string' && !hasType(value, schema.type)) return [`${at} is no ${schema.type}`]
  if (typeof schema.pattern === 'string' && typeof value === 'string' && !new RegExp(schema.pattern).test(value)) {
    return [`${at} does not match`]
  }
  if (Array.isArray(value))
    return value.flatMap((item, n) => misfits(item, (schema.items ?? {}) as Schema, `${at}[${n}]`))
  if (typeof value !== 'object' || value === null) return []
  const properties = (schema.properties ?? {}) as Record<string, Schema>
  const missing = ((schema.required ?? []) as string[]).filter((name) => !(name in value))
  return [
    ...missing.map((name) => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, part]) => {
      const further = schema.additionalProperties
      if (!(name in properties) && further === false) return [`${at}.${name} is not documented`]
      return misfits(
        part,
        properties[name] ?? (typeof further === 'object' ? (further as Schema) : {}),
        `${at}.${name}`,
      )
    }),
  ]
}

function resolve(reference: string): Schema {
  const schema = document.components.schemas[reference.replace('#/components/schemas/', '')]
  if (schema === undefined) throw new Error(`${reference} leads nowhere`)
  return schema
}

function hasType(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  return typeof value === type && value !== null && !Array.isArray(value)
}

/** Holds an answer against what is documented for it. */
async function holds(method: string, path: string, answer: Response): Promise<void> {
  const operation = document.paths[path]?.[method]
  const documented = operation?.responses[answer.status]
  expect([method, path, answer.status, documented !== undefined]).toEqual([method, path, answer.status, true])
  const text = await answer.text()
  const [type] = Object.keys(documented!.content ?? {})
  if (type === undefined) return expect(text).toBe('')
  expect(answer.headers.get('content-type')).toBe(type)
  expect([path, answer.status, misfits(JSON.parse(text), documented!.content![type]!.schema)]).toEqual([
    path,
    answer.status,
    [],
  ])
}

describe('GET /openapi.json', () => {
  it('is open, and OpenAPI 3.1', async () => {
    const answer = await request('https://receiver.test/openapi.json')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(document.openapi).toBe('3.1.0')
    expect(Object.keys(document.components.schemas)).toEqual(Object.keys(schemas))
  })

  it('is made of the schemas that validate: `npm run openapi` makes it anew', async () => {
    const made = `${JSON.stringify(documentOf(ROUTES), null, 2)}\n`
    await expect(made).toMatchFileSnapshot('../../src/http/openapi.json')
  })

  it('has every route of the API, and no other', () => {
    const served = app.routes
      .filter(({ method, path }) => method !== 'ALL' && /^\/(v1\/|healthz|openapi)/.test(path))
      .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
    const documented = ROUTES.map(({ method, path }) => `${method} ${path}`)
    expect(documented.filter((route) => !route.includes('/zego/')).toSorted()).toEqual([...new Set(served)].toSorted())
  })

  it('leads nowhere in vain: every reference is there', () => {
    for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)) resolve(reference!)
  })

  it('tells the range of a parameter', () => {
    const { parameters } = document.paths['/v1/snapshots']!.get!
    expect(parameters.map(({ name }) => name).toSorted()).toEqual([
      'cursor',
      'limit',
      'order',
      'since',
      'status',
      'until',
    ])
    expect(parameters.find(({ name }) => name === 'limit')!.schema).toMatchObject({
      type: 'integer',
      minimum: 1,
      maximum: 100,
    })
    expect(parameters.find(({ name }) => name === 'status')!.schema.enum).toEqual(['pending', 'completed', 'failed'])
  })

  it('is able to tell what does not fit', () => {
    const snapshot = { $ref: '#/components/schemas/Snapshot' }
    expect(misfits({ status: 'completed' }, snapshot)).not.toEqual([])
    expect(misfits({ items: [{}], next_cursor: null }, { $ref: '#/components/schemas/SnapshotPage' })).not.toEqual([])
  })
})

describe('what is documented is what is answered', () => {
  it('by the callback', async () => {
    const path = '/zego/callback/{token}'
    const callback = signedCallback({ task_id: 'a' })
    await holds('post', path, await deliver(callback))
    await holds('post', path, await deliver(callback))
    await holds('post', path, await deliver({ ...callback, vendor: 'hw' }))
    await holds('post', path, await deliver(signedCallback({ event: 'compose' })))
    await holds('post', path, await deliver(signedCallback({}, 'wrong')))
    await holds('post', path, await deliver('{'))
    await holds('post', path, await deliver(' '.repeat(1_900_001)))
    await holds('post', path, await deliver(callback, { ZEGO_CALLBACK_SECRET: undefined }))
    await holds('post', path, await deliver(callback, { CALLBACK_PATH_TOKEN: 'token' }))
    await holds('post', path, await request('https://receiver.test/zego/callback'))
    vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1_ERROR: down'))
    await holds('post', path, await deliver(signedCallback()))
  })

  it('by the reading of snapshots', async () => {
    const extra = { ...signedCallback({ task_id: 'a' }), unknown: { a: [1] } }
    await deliver(extra)
    await holds('get', '/v1/snapshots', await get('/v1/snapshots'))
    await holds('get', '/v1/snapshots', await get('/v1/snapshots?limit=0'))
    const one = await get('/v1/snapshots/a')
    const etag = one.headers.get('etag')!
    await holds('get', '/v1/snapshots/{task_id}', one)
    const again = await api('/v1/snapshots/a', { headers: { 'if-none-match': etag } })
    expect(again.status).toBe(304)
    await holds('get', '/v1/snapshots/{task_id}', again)
    await holds('get', '/v1/snapshots/{task_id}', await read('unknown'))
    await holds('get', '/v1/snapshots/{task_id}', await get('/v1/snapshots/a?wait=99'))
    await holds('get', '/v1/snapshots/{task_id}', await request('https://receiver.test/v1/snapshots/a'))
    await holds('get', '/v1/snapshots/{task_id}', await get('/v1/snapshots/a', { API_TOKEN: undefined }))
  })

  it('by what is done with snapshots', async () => {
    await deliver(signedCallback({ task_id: 'a' }))
    await env.DB.prepare(
      `INSERT INTO snapshots (place, task_id, status, record) VALUES (1, 'p', 'pending', '{}')`,
    ).run()
    const path = '/v1/snapshots/{task_id}/republish'
    await holds('post', path, await post('/v1/snapshots/a/republish'))
    await holds('post', path, await post('/v1/snapshots/p/republish'))
    await holds('post', path, await post('/v1/snapshots/unknown/republish'))
    await holds('delete', '/v1/snapshots/{task_id}', await del('/v1/snapshots/a'))
    await holds('delete', '/v1/snapshots/{task_id}', await del('/v1/snapshots/a?x'))
  })

  it('by the quarantine', async () => {
    const signature = signedCallback({ task_id: 'a' })
    await deliver(signature)
    await deliver({ ...signature, task_id: 'b' })
    await deliver(signedCallback({ task_id: 'a', vendor: 'hw' }))
    await holds('get', '/v1/quarantine', await get('/v1/quarantine'))
    await holds('get', '/v1/quarantine', await get('/v1/quarantine?reason=x'))
    const { items } = await (await get('/v1/quarantine')).json<{ items: { id: string }[] }>()
    for (const { id } of items) {
      await holds('get', '/v1/quarantine/{id}', await get(`/v1/quarantine/${id}`))
      await holds('post', '/v1/quarantine/{id}/retry', await post(`/v1/quarantine/${id}/retry`))
    }
    await holds('post', '/v1/quarantine/{id}/retry', await post(`/v1/quarantine/${items[0]!.id}/retry?replace=true`))
    await holds('post', '/v1/quarantine/{id}/retry', await post('/v1/quarantine/none/retry'))
    await holds('get', '/v1/quarantine/{id}', await get('/v1/quarantine/none'))
    await holds('delete', '/v1/quarantine/{id}', await del('/v1/quarantine/none'))
  })

  it('by status, health and the document itself', async () => {
    await deliver(signedCallback({ task_id: 'a' }))
    await deliver(signedCallback({}, 'wrong'))
    await holds('get', '/v1/status', await get('/v1/status'))
    await holds('get', '/v1/status', await get('/v1/status?x'))
    await holds('get', '/healthz', await request('https://receiver.test/healthz'))
    await holds('get', '/openapi.json', await request('https://receiver.test/openapi.json'))
    vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ['Date'] })
    await holds('get', '/healthz', await request('https://receiver.test/healthz', {}, { RETENTION_DAYS: 'x' }))
  })

  it('by the routes that need ZEGO_SERVER_SECRET, while it is not set', async () => {
    const init = { method: 'POST', body: '{}' }
    await holds('post', '/v1/snapshots', await api('/v1/snapshots', init))
    await holds('put', '/v1/snapshots/{task_id}', await api('/v1/snapshots/a', { ...init, method: 'PUT' }))
    await holds('get', '/v1/snapshots/{task_id}/confirmation', await get('/v1/snapshots/a/confirmation'))
  })
})
