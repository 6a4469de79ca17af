/** What is wrong with one message, key or signature of the buffer costs only itself. */
import { env } from 'cloudflare:workers'
import { expect, it, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { cron, deliver, rows } from '../worker.ts'
import { consume, holdIntake } from './queue.ts'

const bufferedBody = (task_id: string) => ({
  body: JSON.stringify(signedCallback({ task_id })),
  received_at: Date.now(),
})
const stored = async () => (await rows('SELECT task_id FROM snapshots ORDER BY place')).map(({ task_id }) => task_id)
const waiting = async () => (await env.ASIDE.list()).keys.map(({ name }) => name)
const d1Fails = () => vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1_ERROR: Network connection lost.'))

it('null as a message in INTAKE costs only itself, as does any other value', async () => {
  const values = [null, undefined, 0, '', 'text', [], {}, { kind: 'callback' }, { received_at: 1 }]
  const others = [...values, { received_at: 'soon' }, { body: '{}', received_at: 1e20 }]
  const good = ['a', 'b', 'c'].map(bufferedBody)
  const fates = await consume([null, good[0], ...others, good[1], null, good[2]])
  expect(fates.every(({ acked }) => acked)).toBe(true)
  expect((await stored()).toSorted()).toEqual(['a', 'b', 'c'])
  expect((await waiting()).every((key) => key.startsWith('parked:'))).toBe(true)
  expect(await waiting()).toHaveLength(others.length + 2)
})

it('keys that are gone, and are listed all the same, hold up none behind them', async () => {
  await deliver(signedCallback({ task_id: 'schema' }))
  await env.DB.prepare('DELETE FROM snapshots').run()
  for (let n = 0; n < 8; n += 1) await env.ASIDE.put(`waiting:2 ${n}`, JSON.stringify(bufferedBody(`real ${n}`)))
  const list = env.ASIDE.list.bind(env.ASIDE)
  const gone = Array.from({ length: 60 }, (_, n) => ({ name: `waiting:1 ${String(n).padStart(2, '0')}` }))
  vi.spyOn(env.ASIDE, 'list').mockImplementation(async (options) => {
    const real = await list(options)
    return { ...real, keys: options?.prefix === 'waiting:' ? [...gone, ...real.keys] : real.keys }
  })
  await cron(3)
  expect(await stored()).toHaveLength(8)
})

it('a job of a newer version, which an older one took for poison, is dropped when it is met', async () => {
  await env.ASIDE.put('parked:1', JSON.stringify({ kind: 'of the next version', until: 0 }))
  await env.ASIDE.put('parked:2', JSON.stringify({ kind: 'callback' }))
  await cron(60)
  expect(await waiting()).toEqual(['parked:2'])
})

it.each<[string, (key: string) => void]>([
  ['holds no JSON', (key) => void env.ASIDE.put(key, 'no JSON')],
  ['holds something else', (key) => void env.ASIDE.put(key, 'null')],
  ['cannot be got', (key) => mockGet(key, () => Promise.reject(new Error('KV GET failed: 500')))],
  ['is never answered', (key) => mockGet(key, () => new Promise(() => {}))],
])('a key of ASIDE that %s holds up none behind it', async (_title, spoil) => {
  await env.ASIDE.put('waiting:1', JSON.stringify(bufferedBody('unread')))
  for (let n = 2; n < 8; n += 1) await env.ASIDE.put(`waiting:${n}`, JSON.stringify(bufferedBody(String(n))))
  spoil('waiting:1')
  for (let run = 0; run < 2; run += 1) await cron(3)
  await vi.waitFor(async () => expect((await stored()).toSorted()).toEqual(['2', '3', '4', '5', '6', '7']))
  expect((await waiting()).length).toBe(1)
})

function mockGet(bad: string, answer: () => Promise<never>) {
  const get = env.ASIDE.get.bind(env.ASIDE)
  vi.spyOn(env.ASIDE, 'get').mockImplementation(((key: string) => (key === bad ? answer() : get(key))) as never)
}

it.each([0, 1, 17, 40])(
  'a callback that was answered 202 is not dropped for %i forged ones that D1 has taken before it',
  async (count) => {
    await deliver(signedCallback({ task_id: 'schema' }))
    const down = d1Fails()
    const held = holdIntake()
    const genuine = signedCallback({ task_id: 'genuine' })
    expect((await deliver(genuine)).status).toBe(202)
    down.mockRestore()
    for (let n = 0; n < count; n += 1) await deliver({ ...genuine, task_id: `forged ${n}` })
    expect(await consume(held)).toEqual([{ acked: true }])
    const where = `SELECT 'snapshots' AS place FROM snapshots WHERE task_id = 'genuine'
    UNION ALL SELECT 'quarantine' FROM quarantine WHERE task_id = 'genuine'`
    expect(await rows(where)).toEqual([{ place: count === 0 ? 'snapshots' : 'quarantine' }])
    // Nor by more of them afterwards.
    for (let n = 0; n < 40; n += 1) await deliver({ ...genuine, task_id: `later ${n}` })
    expect(await rows(where)).toHaveLength(1)
  },
)
