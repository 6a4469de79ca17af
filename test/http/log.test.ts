import { expect, it, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { takeIntake, counted } from '../counted.ts'
import { deliver, request } from '../worker.ts'
import { del, get, post } from './api.ts'

type Line = { event: string; [fact: string]: unknown }

/** The lines that some work wrote, of whatever level. */
async function linesOf(work: () => Promise<unknown>): Promise<Line[]> {
  const spies = (['info', 'warn', 'error'] as const).map((level) => vi.spyOn(console, level))
  await work()
  const lines = spies.flatMap(({ mock }) => mock.calls.map(([line]) => JSON.parse(String(line)) as Line))
  for (const spy of spies) spy.mockRestore()
  return lines
}

const down = () => Promise.reject(new Error('down'))
const NO_D1 = { DB: { prepare: () => ({ bind: () => ({}) }), batch: down } }
const NOTHING = { ...NO_D1, INTAKE: { send: down }, ASIDE: { put: down } }

const sent = signedCallback({ task_id: 'task' })
const first = () => deliver(sent)
const nothing = () => Promise.resolve()

it.each<[string, string, () => Promise<unknown>, unknown, Record<string, unknown>]>([
  ['stored', 'callback.stored', nothing, sent, {}],
  ['a duplicate', 'callback.duplicate', first, sent, {}],
  ['a conflict', 'callback.quarantined', first, signedCallback({ task_id: 'task', vendor: 'hw' }), {}],
  ['another event', 'callback.quarantined', nothing, signedCallback({ task_id: 'task', event: 'compose' }), {}],
  ['a reused signature', 'callback.refused', first, { ...sent, vendor: 'hw' }, {}],
  ['a wrong signature', 'callback.refused', nothing, signedCallback({ task_id: 'task' }, 'wrong'), {}],
  ['an old one', 'callback.refused', nothing, signedCallback({ task_id: 'task', timestamp: '1500000000' }), {}],
  ['put aside', 'callback.accepted', first, sent, { ...counted, ...NO_D1, INTAKE: counted.INTAKE }],
  ['stored nowhere', 'callback.refused', first, sent, NOTHING],
  ['without a secret', 'callback.refused', nothing, sent, { ZEGO_CALLBACK_SECRET: undefined }],
  ['by a wrong path', 'callback.refused', nothing, sent, { CALLBACK_PATH_TOKEN: 'token' }],
])(
  'a callback, %s, has a line with its task, its app and how long it took',
  async (_what, event, before, body, given) => {
    await before()
    const lines = await linesOf(() => deliver(body, given))
    expect(lines.filter((line) => line.event === event)).toEqual([
      expect.objectContaining({ task_id: 'task', appid: '12345', duration_ms: expect.any(Number) }),
    ])
  },
)

it('a POST to any other path has one, without what could be a path token', async () => {
  const url = 'https://receiver.test/zego/calback/a-path-token-of-ours'
  const lines = await linesOf(() => request(url, { method: 'POST', body: JSON.stringify(sent) }))
  expect(lines).toEqual([{ event: 'request.misdirected', path: '/zego/calback/…' }])
})

it('a callback that waited for D1 has one when it is stored, with how long it waited', async () => {
  await deliver(signedCallback({ task_id: 'makes the schema' }))
  await takeIntake()
  await deliver(signedCallback({ task_id: 'waited' }), { ...counted, ...NO_D1, INTAKE: counted.INTAKE })
  const lines = await linesOf(takeIntake)
  expect(lines).toEqual([
    expect.objectContaining({
      event: 'callback.stored',
      task_id: 'waited',
      appid: '12345',
      waited_ms: expect.any(Number),
    }),
  ])
})

it('what is done through the API has one, with how long it took', async () => {
  await deliver(sent)
  await deliver(signedCallback({ task_id: 'task', vendor: 'hw' }))
  const { items } = await (await get('/v1/quarantine')).json<{ items: { id: string }[] }>()
  const lines = await linesOf(async () => {
    await post('/v1/snapshots/task/republish')
    await post(`/v1/quarantine/${items[0]!.id}/retry?replace=true`)
    await del('/v1/snapshots/task')
  })
  expect(lines.map(({ event, task_id, appid, duration_ms }) => [event, task_id, appid, typeof duration_ms])).toEqual([
    ['snapshot.republished', 'task', '12345', 'number'],
    ['quarantine.retried', 'task', '12345', 'number'],
    ['snapshot.deleted', 'task', '12345', 'number'],
  ])
})
