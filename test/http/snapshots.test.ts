import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver, read } from '../worker.ts'

const hang = () => new Promise<never>(() => {})

describe('GET /v1/snapshots/{task_id}', () => {
  it.each(['plain', 'a/b', 'a%2Fb', '100%', 'a b', 'a+b', 'ä€😀', '?x=1#y', '"quoted"', '…'])(
    'gives the record of %s',
    async (task_id) => {
      await deliver(signedCallback({ task_id }))
      const answer = await read(task_id)
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
      expect(await answer.json()).toMatchObject({ task_id })
      expect(await env.RESULTS.get(task_id, 'json')).toMatchObject({ task_id })
    },
  )

  it.each([
    ['fails', () => Promise.reject(new Error('D1_ERROR: down'))],
    ['hangs', hang],
  ])('reads from KV while D1 %s', async (_title, first) => {
    await deliver(signedCallback({ task_id: 'task' }))
    const broken = { DB: { prepare: () => ({ bind: () => ({ first }) }), batch: first } }
    expect(await (await read('task', broken)).json()).toMatchObject({ task_id: 'task' })
    const answer = await read('unknown', broken)
    expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'storage_unavailable' }])
  })

  it('says so when KV fails as well', async () => {
    vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw new Error('D1_ERROR: down')
    })
    vi.spyOn(env.RESULTS, 'get').mockRejectedValue(new Error('KV is down'))
    expect((await read('task')).status).toBe(503)
  })
})
