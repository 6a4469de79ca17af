/** Who is let in. What each route asks for is held by routes.test.ts, what a token's text may be by settings.test.ts. */
import { expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver } from '../worker.ts'
import { api, get, said } from './api.ts'

const ON = { READ_TOKEN: 'reader' }
const ROTATED = { API_TOKEN: '["new","test-token"]', READ_TOKEN: '["new reader","reader"]' }
const BROKEN = { READ_TOKEN: '["reader"' }

const ask = (path: string, authorization: string, settings: object, method = 'GET') =>
  api(path, { method, headers: { authorization } }, { ...settings })

it.each<[status: number, settings: object, given: readonly string[]]>([
  [200, {}, ['Bearer test-token', 'bearer test-token', 'BEARER  test-token ']],
  [401, {}, ['', 'Bearer', 'Bearer wrong', 'Bearer test-token2', 'Basic test-token', 'test-token']],
  [401, {}, ['Bearer reader', 'Bearer undefined']],
  [200, ROTATED, ['Bearer new', 'Bearer test-token', 'Bearer new reader', 'Bearer reader']],
  [401, ROTATED, ['Bearer old']],
  ...[undefined, '', '[]', '{"a":"b"}', '["a"'].map((API_TOKEN): [number, object, string[]] => {
    return [503, { ...ON, API_TOKEN }, ['Bearer test-token', 'Bearer undefined', 'Bearer ', 'Bearer reader']]
  }),
  [503, BROKEN, ['Bearer reader']],
  [200, BROKEN, ['Bearer test-token']],
  [401, BROKEN, ['']],
])('whoever asks is answered with %i where the settings are %j', async (status, settings, given) => {
  for (const authorization of given) {
    expect([authorization, (await ask('/v1/status', authorization, settings)).status]).toEqual([authorization, status])
  }
})

it('a path that is not known asks for the token, too', async () => {
  for (const path of ['/v1/anything', '/v1']) expect((await ask(path, 'Bearer wrong', {})).status).toBe(401)
  expect((await ask('/v1/anything', 'Bearer reader', ON, 'PATCH')).status).toBe(403)
})

it('READ_TOKEN sees an entry of the quarantine without its body', async () => {
  await deliver(signedCallback({ event: 'compose', task_id: 'kept' }))
  const { items } = await (await get('/v1/quarantine')).json<{ items: { id: string }[] }>()
  const path = `/v1/quarantine/${items[0]!.id}`
  const [, { body, ...rest }] = (await said(get(path))) as [number, Record<string, unknown>]
  expect(body).toContain('compose')
  expect(await said(ask(path, 'Bearer reader', ON))).toEqual([200, rest])
})

it('READ_TOKEN gives way to the API token where both are the same', async () => {
  const same = { READ_TOKEN: 'test-token' }
  expect((await ask('/v1/snapshots/task', 'Bearer test-token', same, 'DELETE')).status).toBe(204)
})
