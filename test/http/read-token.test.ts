import { describe, expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver } from '../worker.ts'
import { api, get, said } from './api.ts'

const ON = { READ_TOKEN: 'reader' }

const reader = (path: string, init: RequestInit = {}, settings: Record<string, unknown> = ON, token = 'reader') =>
  api(path, { ...init, headers: { authorization: `Bearer ${token}` } }, settings)

async function entryId(): Promise<string> {
  await deliver(signedCallback({ event: 'compose', task_id: 'kept' }))
  const { items } = await (await get('/v1/quarantine')).json<{ items: { id: string }[] }>()
  return items[0]!.id
}

describe('READ_TOKEN', () => {
  it('reads what the API token reads', async () => {
    await deliver(signedCallback({ task_id: 'task' }))
    for (const path of ['/v1/snapshots', '/v1/snapshots/task', '/v1/quarantine', '/v1/status']) {
      expect(await said(reader(path))).toEqual(await said(get(path)))
      expect((await reader(path, { method: 'HEAD' })).status).toBe(200)
    }
  })

  it('does nothing else, on a path that is not known either', async () => {
    expect(await said(reader('/v1/anything', { method: 'PATCH' }))).toMatchObject([403, { code: 'forbidden' }])
  })

  it('sees an entry of the quarantine without its body', async () => {
    const id = await entryId()
    const [, { body, ...rest }] = (await said(get(`/v1/quarantine/${id}`))) as [number, Record<string, unknown>]
    expect(body).toContain('compose')
    expect(await said(reader(`/v1/quarantine/${id}`))).toEqual([200, rest])
  })

  it('can be rotated', async () => {
    const both = { READ_TOKEN: '["new","reader"]' }
    for (const token of ['new', 'reader']) expect((await reader('/v1/status', {}, both, token)).status).toBe(200)
    expect((await reader('/v1/status', {}, both, 'old')).status).toBe(401)
  })

  it('lets nobody in while it is not set', async () => {
    for (const token of ['', 'undefined', 'reader']) {
      expect((await reader('/v1/status', {}, {}, token)).status).toBe(401)
    }
  })

  it('changes nothing for whoever has the API token, though it cannot be read', async () => {
    const broken = { READ_TOKEN: '["reader"' }
    expect((await get('/v1/status', broken)).status).toBe(200)
    expect(await said(reader('/v1/status', {}, broken))).toMatchObject([503, { code: 'not_configured' }])
    expect((await api('/v1/status', { headers: { authorization: '' } }, broken)).status).toBe(401)
  })

  it('gives way to the API token where both are the same', async () => {
    expect((await api('/v1/snapshots/task', { method: 'DELETE' }, { READ_TOKEN: 'test-token' })).status).toBe(204)
  })

  it('does not stand in for the API token where that is missing', async () => {
    expect((await reader('/v1/status', {}, { ...ON, API_TOKEN: undefined })).status).toBe(503)
  })
})
