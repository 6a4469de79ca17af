import { describe, expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver, read, rows } from '../worker.ts'
import { api, register, said } from '../zego/zegocloud.ts'

describe('PUT /v1/snapshots/{task_id}', () => {
  it.each(['plain', 'a/b', 'a%2Fb', '100%', 'ä€😀', 'confirmation'])('registers %s once', async (taskId) => {
    const first = await said(register(taskId))
    expect([first.status, first.body]).toMatchObject([201, { task_id: taskId, status: 'pending', vendor: 'tencent' }])
    const second = await said(register(taskId, 'Huawei'))
    expect([second.status, second.body]).toEqual([200, first.body])
    expect(await (await read(taskId)).json()).toEqual(first.body)
  })

  it('is a race that a callback wins, whoever is first', async () => {
    const both = Array.from({ length: 10 }, (_, n) => `race ${n}`)
    await Promise.all(both.flatMap((taskId) => [register(taskId), deliver(signedCallback({ task_id: taskId }))]))
    expect(await rows('SELECT status, count(*) AS count FROM snapshots GROUP BY status')).toEqual([
      { status: 'completed', count: 10 },
    ])
  })

  it.each<[string, unknown]>([
    ['vendor', { appid: '12345' }],
    ['vendor', { vendor: 'aws', appid: '12345' }],
    ['appid', { vendor: 'hw', appid: '99999' }],
    ['status', { vendor: 'hw', appid: '12345', status: 'completed' }],
    ['body', []],
  ])('names what is wrong: %s', async (parameter, given) => {
    const { status, body } = await said(api('PUT', '/snapshots/task', given))
    expect([status, body]).toMatchObject([400, { code: 'invalid_request', parameter }])
  })

  it.each(['x'.repeat(513), 'a%00b'])('refuses a task id that no callback can have: %s', async (path) => {
    const { status, body } = await said(api('PUT', `/snapshots/${path}`, { vendor: 'hw', appid: '12345' }))
    expect([status, body]).toMatchObject([400, { parameter: 'task_id' }])
  })
})
