import { describe, expect, it } from 'vitest'
import { app } from '../../src/app.ts'
import type { CompletedRecord } from '../../src/event.ts'
import written from '../../src/http/openapi.json'
import { ROUTES } from '../../tools/openapi/routes.ts'
import { signedCallback } from '../callbacks.ts'
import { deliver, events, request } from '../worker.ts'
import { document, operations, validator } from './document.ts'

describe('GET /openapi.json', () => {
  it('is open', async () => {
    const answer = await request('https://receiver.test/openapi.json')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await answer.json()).toEqual(document)
  })

  it('is made of the schemas that validate: `npm run openapi` makes it again', () => {
    expect(written).toBe(`${JSON.stringify(document)}\n`)
  })

  it('has every route of the API, and no other', () => {
    const served = app.routes
      .filter(({ method, path }) => method !== 'ALL' && /^\/(v1\/|healthz)/.test(path))
      .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
    expect(
      Object.keys(ROUTES)
        .filter((route) => !route.includes('/zego/'))
        .toSorted(),
    ).toEqual([...new Set(served)].toSorted())
  })
})

/** Those of Redocly's and Spectral's default rules that can be broken here. */
describe('the document is as linters want it', () => {
  const text = JSON.stringify(document)

  it('says what it is, whose, where and under which licence', () => {
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: expect.any(String), description: expect.any(String), contact: {}, license: { identifier: 'MIT' } },
      servers: [{ url: '/' }],
    })
  })

  it('names and describes each operation, once', () => {
    const ids = operations.map(({ operationId }) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { operationId, summary, description, tags } of operations) {
      expect(operationId).toMatch(/^[a-z][A-Za-z]+$/)
      expect([summary, description].every((words) => /^\S.*[.]$/.test(words))).toBe(true)
      expect(document.tags.map(({ name }) => name)).toEqual(expect.arrayContaining(tags))
    }
  })

  it('documents a success and a refusal of each, and describes each answer', () => {
    for (const { operationId, responses } of Object.values(document.paths).flatMap((path) => Object.values(path))) {
      const statuses = Object.keys(responses).join()
      expect([operationId, /2\d\d/.test(statuses), /4\d\d/.test(statuses)]).toEqual([operationId, true, true])
      for (const answer of Object.values(responses)) expect(answer.description).toMatch(/^\S.*[.]$/)
    }
  })

  it('refers to nothing that is missing, and has nothing that is not referred to', () => {
    const referred = new Set(
      Array.from(text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g), ([, name]) => name!),
    )
    expect([...referred].toSorted()).toEqual(Object.keys(document.components.schemas).toSorted())
  })

  it('requires no property that it does not define', () => {
    const walk = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      const { required, properties = {} } = value as { required?: unknown; properties?: object }
      if (Array.isArray(required)) expect(Object.keys(properties)).toEqual(expect.arrayContaining(required))
      Object.values(value).forEach(walk)
    }
    walk(document)
  })
})

describe('the event', () => {
  it('has plain variants: a generator loses the type of a list that one of them forbids', () => {
    const { Event, CompletedEvent, ReferredEvent, ReferredRecord } = document.components.schemas
    expect(JSON.stringify(document)).not.toContain('"not":')
    expect(Event).toEqual({
      anyOf: ['FailedEvent', 'CompletedEvent', 'ReferredEvent'].map((name) => ({
        $ref: `#/components/schemas/${name}`,
      })),
    })
    expect(CompletedEvent).not.toHaveProperty('properties.dataref')
    expect(ReferredEvent).toMatchObject({ required: expect.arrayContaining(['dataref']) })
    expect(ReferredRecord).not.toHaveProperty('properties.snapshot_pic_list')
  })

  it('fits its schema, and what is no event does not', async () => {
    const schema = validator({ $ref: '#/components/schemas/Event' })
    await deliver(signedCallback({ task_id: 'event' }))
    const [event] = await events('event')
    expect(schema.safeParse(event).error).toBeUndefined()
    expect(schema.safeParse({ ...event, data: { ...event!.data, status: 'pending' } }).success).toBe(false)
    const { snapshot_pic_list: _pictures, ...data } = event!.data as CompletedRecord
    expect(schema.safeParse({ ...event, data }).success).toBe(false)
    const referred = { ...event, dataref: '/v1/snapshots/event', data: { ...data, pictures: 3 } }
    expect(schema.safeParse(referred).error).toBeUndefined()
  })
})
