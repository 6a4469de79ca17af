import { expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver } from '../worker.ts'
import { api, get, said } from './api.ts'

const ON = { READ_TOKEN: 'reader' }

const ask = (path: string, token: string, settings: object, method = 'GET') =>
  api(path, { method, headers: { authorization: token && `Bearer ${token}` } }, { ...settings })

/** routes.test.ts holds what each route allows it. */
it('READ_TOKEN sees an entry of the quarantine without its body', async () => {
  await deliver(signedCallback({ event: 'compose', task_id: 'kept' }))
  const { items } = await (await get('/v1/quarantine')).json<{ items: { id: string }[] }>()
  const path = `/v1/quarantine/${items[0]!.id}`
  const [, { body, ...rest }] = (await said(get(path))) as [number, Record<string, unknown>]
  expect(body).toContain('compose')
  expect(await said(ask(path, 'reader', ON))).toEqual([200, rest])
})

it.each<[title: string, settings: object, token: string, status: number]>([
  ['can be rotated', { READ_TOKEN: '["new","reader"]' }, 'new', 200],
  ['can be rotated', { READ_TOKEN: '["new","reader"]' }, 'reader', 200],
  ['can be rotated', { READ_TOKEN: '["new","reader"]' }, 'old', 401],
  ['lets nobody in while it is not set', {}, '', 401],
  ['lets nobody in while it is not set', {}, 'undefined', 401],
  ['lets nobody in while it cannot be read', { READ_TOKEN: '["reader"' }, 'reader', 503],
  ['changes nothing for the API token while it cannot be read', { READ_TOKEN: '["reader"' }, 'test-token', 200],
  ['is asked for while it cannot be read', { READ_TOKEN: '["reader"' }, '', 401],
  ['does not stand in for an API token that is missing', { ...ON, API_TOKEN: undefined }, 'reader', 503],
])('READ_TOKEN %s: %j, given %j', async (_title, settings, token, status) => {
  expect((await ask('/v1/status', token, settings)).status).toBe(status)
})

it('READ_TOKEN gives way to the API token where both are the same', async () => {
  expect((await ask('/v1/snapshots/task', 'test-token', { READ_TOKEN: 'test-token' }, 'DELETE')).status).toBe(204)
})

it('READ_TOKEN only reads, on a path that is not known either', async () => {
  expect((await ask('/v1/anything', 'reader', ON, 'PATCH')).status).toBe(403)
})
