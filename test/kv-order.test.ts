/** KV and D1 end equal, whatever was in flight when a record was replaced or deleted. */
import { createExecutionContext, createMessageBatch, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it, vi } from 'vitest'
import { CALLBACK_URL, type Fields, signedCallback } from './callbacks.ts'
import { del, post, said } from './http/api.ts'
import { cron, deliver, read, recordInKv, rows } from './worker.ts'
import { finished, ON, playZegocloud, register, sweep, tencent, wait } from './zego/zegocloud.ts'

const GENUINE = [{ url: 'http://pictures.test/1.jpg', offset: 0 }]
const FORGED = [{ url: 'http://evil.test/1.jpg', offset: 0 }]
const callback = (task_id: string, pictures: object[], fields: Partial<Fields> = {}) =>
  signedCallback({ task_id, snapshot_pic_list: JSON.stringify(pictures), ...fields })

/** KV's puts of these wait until they are let go. */
function holdPuts(isHeld: (key: string, value: string) => boolean) {
  const put = env.RESULTS.put.bind(env.RESULTS)
  const waiting: (() => void)[] = []
  vi.spyOn(env.RESULTS, 'put').mockImplementation(async (key: string, value: unknown, options?: unknown) => {
    if (typeof value === 'string' && isHeld(key, value)) await new Promise<void>((resolve) => waiting.push(resolve))
    return put(key, value as string, options as never)
  })
  const isHolding = () => vi.waitFor(() => expect(waiting).not.toEqual([]), 10_000)
  return { isHolding, letGo: () => waiting.splice(0).forEach((go) => go()) }
}

/** The next event that is sent waits until it is let go: what has its value in KV is not marked before. */
function holdEvent() {
  const send = env.EVENTS.send.bind(env.EVENTS)
  const held = Promise.withResolvers<void>()
  const hold = vi.spyOn(env.EVENTS, 'send').mockImplementationOnce(async (event) => {
    await held.promise
    return send(event)
  })
  return { isHolding: () => vi.waitFor(() => expect(hold).toHaveBeenCalled(), 10_000), letGo: () => held.resolve() }
}

/** A Worker with module state of its own, as another isolate has. */
async function anotherIsolate() {
  vi.resetModules()
  const { default: worker } = await import('../src/worker.ts')
  return async (body: object) => {
    const ctx = createExecutionContext()
    const init = { method: 'POST', body: JSON.stringify(body) }
    const response = await worker.fetch(new Request(CALLBACK_URL, init), env, ctx)
    await waitOnExecutionContext(ctx)
    return response
  }
}

/** INTAKE brings a message. */
async function consumeOne(body: unknown): Promise<void> {
  const message = { id: 'one', timestamp: new Date(), attempts: 1, body }
  const batch = createMessageBatch('zego-snapshots-intake', [message])
  const { default: worker } = await import('../src/worker.ts')
  await worker.queue(batch, env)
}

/** What KV and D1 disagree about, once all that is owed has been worked off. */
async function differences(): Promise<string[]> {
  vi.restoreAllMocks()
  vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] })
  for (let hour = 0; hour < 6; hour += 1) {
    vi.setSystemTime(Date.now() + 3_600_000)
    await cron(1)
  }
  const stored = await rows<{ task_id: string; record: string }>('SELECT task_id, record FROM snapshots')
  const inD1 = new Map(stored.map(({ task_id, record }) => [task_id, record]))
  const keys = (await env.RESULTS.list()).keys.map(({ name }) => name)
  const unlike = await Promise.all(
    [...new Set([...inD1.keys(), ...keys])].map(async (key) =>
      (await env.RESULTS.get(key)) === (inD1.get(key) ?? null) ? '' : key,
    ),
  )
  const owed = await rows<{ task_id: string }>('SELECT task_id FROM snapshots WHERE publish_at IS NOT NULL')
  return [...unlike.filter((key) => key !== ''), ...owed.map(({ task_id }) => `${task_id} is owed`)]
}

it('a dispute is won while the loser of another task is on its way to KV', async () => {
  playZegocloud(() => finished('http://pictures.test/1.jpg'))
  const puts = holdPuts((key) => key === 'made up')
  const genuine = callback('genuine', GENUINE)
  const forged = deliver({ ...genuine, task_id: 'made up', snapshot_pic_list: JSON.stringify(FORGED) }, ON)
  await puts.isHolding()
  expect((await deliver(genuine, ON)).status).toBe(409)
  await sweep()
  expect((await read('made up')).status).toBe(404)
  puts.letGo()
  await forged
  expect(await differences()).toEqual([])
})

it.each([
  ['an answer of ZEGOCLOUD', () => finished('http://pictures.test/1.jpg'), '"via":"query"'],
  ['a failed task', () => tencent('FAIL', { Message: 'no' }), '"status":"failed"'],
])('a callback improves %s that is on its way to KV', async (_title, answer, part) => {
  playZegocloud(answer)
  await register('late')
  await wait(2)
  const puts = holdPuts((_key, value) => value.includes(part))
  const sweeping = sweep()
  await puts.isHolding()
  expect(await (await deliver(callback('late', GENUINE))).json()).toMatchObject({ status: 'stored' })
  expect(await recordInKv('late')).toMatchObject({ via: 'callback' })
  puts.letGo()
  await sweeping
  expect(await differences()).toEqual([])
})

it('an operator lets other content win while the first is on its way to KV', async () => {
  const puts = holdPuts((_key, value) => value.includes('evil'))
  const first = deliver(callback('task', FORGED))
  await puts.isHolding()
  const { id } = await (await deliver(callback('task', GENUINE))).json<{ id: string }>()
  const path = `/v1/quarantine/${encodeURIComponent(id)}/retry?replace=true`
  expect(await said(post(path))).toMatchObject([200, { status: 'stored' }])
  puts.letGo()
  await first
  expect(await differences()).toEqual([])
})

it('a result is deleted while it is on its way to KV', async () => {
  const puts = holdPuts(() => true)
  const first = deliver(callback('deleted', GENUINE))
  await puts.isHolding()
  expect((await del('/v1/snapshots/deleted')).status).toBe(204)
  puts.letGo()
  await first
  expect(await differences()).toEqual([])
})

it('a result is deleted, and another content of its task is stored before KV has let go of the first', async () => {
  await deliver(callback('again', FORGED))
  const kvDelete = env.RESULTS.delete.bind(env.RESULTS)
  vi.spyOn(env.RESULTS, 'delete').mockImplementationOnce(async (key) => {
    await deliver(callback('again', GENUINE))
    return kvDelete(key)
  })
  expect((await del('/v1/snapshots/again')).status).toBe(204)
  expect(await differences()).toEqual([])
  expect(await recordInKv('again')).toMatchObject({ snapshot_pic_list: GENUINE })
})

it('a deleted task gets a new result, which is put into KV just before the sweep deletes the old one there', async () => {
  vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] })
  await deliver(callback('anew', FORGED))
  expect((await del('/v1/snapshots/anew')).status).toBe(204)
  vi.setSystemTime(Date.now() + 2 * 60_000)
  const event = holdEvent()
  const second = deliver(callback('anew', GENUINE))
  await event.isHolding()
  await vi.waitFor(async () => expect(await recordInKv('anew')).not.toBeNull())
  await cron(1)
  event.letGo()
  await second
  expect(await differences()).toEqual([])
  expect(await recordInKv('anew')).toMatchObject({ snapshot_pic_list: GENUINE })
})

it('two isolates publish two records of a task, and the earlier one lands over the later one in KV', async () => {
  playZegocloud(() => finished('http://pictures.test/1.jpg'))
  await register('two')
  await wait(2)
  const deliverElsewhere = await anotherIsolate()
  const puts = holdPuts((_key, value) => value.includes('"via":"query"'))
  const earlier = sweep()
  await puts.isHolding()
  const event = holdEvent()
  const later = deliverElsewhere(callback('two', GENUINE))
  await event.isHolding()
  await vi.waitFor(async () => expect(await recordInKv('two')).toMatchObject({ via: 'callback' }))
  puts.letGo()
  await earlier
  event.letGo()
  await later
  expect(await differences()).toEqual([])
  expect(await recordInKv('two')).toMatchObject({ via: 'callback' })
})

it('an isolate ends after its earlier record has landed over the later one in KV', async () => {
  playZegocloud(() => finished('http://pictures.test/1.jpg'))
  await register('ended')
  await wait(2)
  const puts = holdPuts((_key, value) => value.includes('"via":"query"'))
  const hold = holdEvent() // it is never let go: the isolate of the earlier record marks nothing
  void sweep()
  await puts.isHolding()
  await hold.isHolding()
  await deliver(callback('ended', GENUINE))
  puts.letGo()
  await vi.waitFor(async () => expect(await recordInKv('ended')).toMatchObject({ via: 'query' }))
  expect(await differences()).toEqual([])
  expect(await recordInKv('ended')).toMatchObject({ via: 'callback' })
  hold.letGo()
})

it('D1 fails after a DELETE has begun: nothing is half gone', async () => {
  await deliver(callback('halves', GENUINE))
  vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1_ERROR: Network connection lost'))
  expect((await del('/v1/snapshots/halves')).status).toBe(503)
  expect(await differences()).toEqual([])
  expect(await recordInKv('halves')).not.toBeNull()
})

it('a result that came back and is deleted again is remembered from then on', async () => {
  await deliver(callback('twice', GENUINE))
  const [row] = await rows<{ content: string; record: string }>('SELECT content, record FROM snapshots')
  await del('/v1/snapshots/twice')
  await env.DB.batch([
    env.DB.prepare('UPDATE removals SET removed_at = 0, kv_due = NULL'),
    env.DB.prepare(
      `INSERT INTO snapshots (task_id, status, content, record) VALUES ('twice', 'completed', ?1, ?2)`,
    ).bind(row!.content, row!.record),
  ])
  await del('/v1/snapshots/twice')
  const [removal] = await rows<{ removed_at: number; kv_due: number }>('SELECT removed_at, kv_due FROM removals')
  expect(removal!.removed_at).toBeGreaterThan(0)
  expect(removal!.kv_due).toBeGreaterThan(removal!.removed_at)
})

it('what waits in INTAKE when its task is deleted does not come back', async () => {
  for (const task of ['stored before', 'not known']) {
    if (task === 'stored before') await deliver(callback(task, FORGED))
    const body = callback(task, GENUINE)
    const batch = vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1_ERROR: overloaded'))
    const sent = vi.spyOn(env.INTAKE, 'send').mockResolvedValueOnce({} as QueueSendResponse)
    expect((await deliver(body)).status).toBe(202)
    const [[message]] = sent.mock.calls as [[unknown]]
    batch.mockRestore()
    sent.mockRestore()
    await scheduler.wait(5)
    expect((await del(`/v1/snapshots/${task}`)).status).toBe(204)
    await consumeOne(message)
    expect((await read(task)).status).toBe(404)
    await scheduler.wait(5)
    expect(await (await deliver(callback(task, [...GENUINE, ...FORGED]))).json()).toMatchObject({ status: 'stored' })
  }
  expect(await differences()).toEqual([])
})

it('what was deleted comes back where an operator takes it out of the quarantine', async () => {
  await deliver(callback('kept', FORGED))
  const { id } = await (await deliver(callback('kept', GENUINE))).json<{ id: string }>()
  await scheduler.wait(5)
  expect((await del('/v1/snapshots/kept')).status).toBe(204)
  expect(await said(post(`/v1/quarantine/${encodeURIComponent(id)}/retry`))).toMatchObject([200, { status: 'stored' }])
  expect(await differences()).toEqual([])
})

it('what was deleted does not come back: the same content is a duplicate, under whatever signature', async () => {
  const first = callback('gone', GENUINE)
  await deliver(first)
  await del('/v1/snapshots/gone')
  for (const body of [first, callback('gone', GENUINE, { nonce: 'another' })]) {
    expect(await (await deliver(body)).json()).toEqual({ status: 'duplicate', task_id: 'gone' })
  }
  expect((await read('gone')).status).toBe(404)
  expect(await (await deliver(callback('gone', FORGED))).json()).toMatchObject({ status: 'stored' })
})

it('what was deleted does not come back by a used signature and an answer of ZEGOCLOUD', async () => {
  const calls = playZegocloud(() => finished('http://pictures.test/1.jpg'))
  await deliver(callback('gone', GENUINE), ON)
  await del('/v1/snapshots/gone')
  const used = callback('used', GENUINE)
  await deliver(used, ON)
  for (const task_id of ['gone', 'never seen']) await deliver({ ...used, task_id, field_id: 'other' }, ON)
  for (let run = 0; run < 3; run += 1) await sweep()
  expect(calls.length).toBeGreaterThan(0)
  expect(
    (await rows<{ task_id: string }>('SELECT task_id FROM snapshots')).map(({ task_id }) => task_id),
  ).not.toContain('gone')
})

it('a genuine record does not lose its signature to another genuine one', async () => {
  playZegocloud(({ query }) => finished(`http://pictures.test/${query.get('TaskId')}.jpg`))
  const pictures = (name: string) => JSON.stringify([{ url: `http://pictures.test/${name}.jpg`, offset: 0 }])
  const captured = callback('captured', [], { snapshot_pic_list: pictures('captured') })
  await deliver(captured, ON)
  await deliver({ ...captured, task_id: 'other', snapshot_pic_list: pictures('other') }, ON)
  for (let run = 0; run < 3; run += 1) await sweep()
  for (const task_id of ['captured', 'other']) expect((await read(task_id)).status).toBe(200)
  expect(await differences()).toEqual([])
})

/** Copies what D1 holds now, and puts it back when it is told to, as Time Travel does. */
async function bookmark(): Promise<() => Promise<unknown>> {
  // The triggers of the quarantine write to other tables, which come after it.
  const tables = ['quarantine', 'quarantine_counts', 'snapshots', 'ledger', 'removals', 'state']
  const columns = await Promise.all(
    // Without those that D1 computes.
    tables.map(async (table) =>
      (await rows<{ name: string }>(`PRAGMA table_info(${table})`)).map(({ name }) => name).join(),
    ),
  )
  const run = (sqls: string[]) => env.DB.batch(sqls.map((sql) => env.DB.prepare(sql)))
  await run(tables.map((table, n) => `CREATE TABLE saved_${table} AS SELECT ${columns[n]!} FROM ${table}`))
  return () =>
    run(
      tables.flatMap((table, n) => [
        `DELETE FROM ${table}`,
        `INSERT OR REPLACE INTO ${table} (${columns[n]!}) SELECT * FROM saved_${table}`,
        `DROP TABLE saved_${table}`,
      ]),
    )
}

it('after D1 was restored, what docs/operating.md says makes KV and D1 equal again, with nothing lost', async () => {
  playZegocloud(({ query }) => finished(`http://pictures.test/${query.get('TaskId')}.jpg`))
  for (const task of ['stays', 'deleted', 'replaced']) await deliver(callback(task, GENUINE), ON)
  const restore = await bookmark()
  await del('/v1/snapshots/deleted')
  const other = await deliver(callback('replaced', FORGED))
  const { id } = await other.json<{ id: string }>()
  expect((await post(`/v1/quarantine/${encodeURIComponent(id)}/retry?replace=true`)).status).toBe(200)
  await deliver(callback('lost', GENUINE), ON)
  await restore()

  expect((await read('lost')).status).toBe(404)
  expect(await recordInKv('lost')).toMatchObject({ snapshot_pic_list: GENUINE })
  expect((await del('/v1/snapshots/deleted')).status).toBe(204)
  const until = new Date(Date.now() + 1_000).toISOString()
  expect(await said(post(`/v1/republish?since=2020-01-01T00:00:00Z&until=${until}`))).toMatchObject([
    202,
    { republished: 2 },
  ])
  expect((await register('lost')).status).toBe(201)
  await wait(3)
  await sweep()
  expect(await differences()).toEqual([])
  expect((await read('deleted')).status).toBe(404)
  expect(await recordInKv('replaced')).toMatchObject({ snapshot_pic_list: GENUINE })
  expect(await recordInKv('lost')).toMatchObject({ via: 'query' })
})
