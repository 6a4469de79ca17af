import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { findDisputed } from '../../src/store/quarantine.ts'
import { type Fields, signedCallback } from '../callbacks.ts'
import { deliver, events, read, recordInKv, rows } from '../worker.ts'
import { finished, huawei, ON, playZegocloud, refusal, register, sweep, tencent, wait } from './zegocloud.ts'

const GENUINE = [{ url: 'http://pictures.test/1.jpg', offset: 0 }]
const FORGED = [{ url: 'http://evil.test/1.jpg', offset: 0 }]

const callback = (task_id: string, pictures: object[], fields: Partial<Fields> = {}) =>
  signedCallback({ task_id, snapshot_pic_list: JSON.stringify(pictures), ...fields })
const reasons = async () =>
  (await rows<{ reason: string }>('SELECT reason FROM quarantine')).map(({ reason }) => reason)
const record = async (taskId: string) => (await read(taskId)).json<Record<string, unknown>>()
const disputes = () => rows('SELECT task_id FROM quarantine WHERE ask_due IS NOT NULL')

/** The same signature on another body. */
const swapped = (genuine: Fields, fields: Partial<Fields>) => ({ ...genuine, ...fields })

describe('a forgery that comes first', () => {
  const pictures = { snapshot_pic_list: JSON.stringify(FORGED) }

  it.each<[string, (genuine: Fields) => Promise<unknown>, sent: number, reasons: string[]]>([
    ['under a signature of its own', () => deliver(callback('genuine', FORGED), ON), 2, ['replaced']],
    [
      "with the right pictures, as another vendor's",
      () => deliver(callback('genuine', GENUINE, { vendor: 'hw' }), ON),
      2,
      ['replaced'],
    ],
    ["under the genuine callback's signature", (genuine) => deliver(swapped(genuine, pictures), ON), 2, ['replaced']],
    [
      'under that signature, for another task',
      (genuine) => deliver(swapped(genuine, { task_id: 'made up', ...pictures }), ON),
      1,
      ['replaced'],
    ],
    [
      'under that signature, in another event, while the task is pending',
      async (genuine) => [await register('genuine'), await deliver(swapped(genuine, { event: 'compose' }), ON)],
      1,
      ['unsupported_event'],
    ],
    [
      'under that signature, in however many bodies for another task',
      async (genuine) => {
        for (let n = 0; n < 34; n += 1) await deliver(swapped(genuine, { task_id: 'made up', vendor: `${n}` }), ON)
      },
      1,
      ['replaced', ...Array<string>(15).fill('signature_reused')],
    ],
  ])('loses to the genuine callback: %s', async (_title, forge, sent, kept) => {
    playZegocloud(() => finished('http://pictures.test/1.jpg'))
    const genuine = callback('genuine', GENUINE)
    await forge(genuine)
    expect([202, 409]).toContain((await deliver(genuine, ON)).status)
    for (let run = 0; run < 6; run += 1) await sweep()
    expect(await record('genuine')).toMatchObject({ via: 'callback', vendor: 'tencent', snapshot_pic_list: GENUINE })
    expect(await recordInKv('genuine')).toMatchObject({ snapshot_pic_list: GENUINE })
    expect((await events('genuine', sent)).at(-1)).toMatchObject({ data: { snapshot_pic_list: GENUINE } })
    expect((await read('made up')).status).toBe(404)
    expect([(await reasons()).toSorted(), await disputes()]).toEqual([kept, []])
    expect(await (await deliver(genuine, ON)).json()).toEqual({ status: 'duplicate', task_id: 'genuine' })
  })

  it('wins nothing by its signature once that is the genuine one’s again', async () => {
    playZegocloud(() => finished('http://pictures.test/1.jpg'))
    const genuine = callback('genuine', GENUINE)
    const forged = swapped(genuine, pictures)
    for (const body of [forged, genuine]) await deliver(body, ON)
    await sweep()
    expect((await deliver(forged, ON)).status).toBe(409)
  })
})

describe('a forgery that comes second', () => {
  it('changes nothing', async () => {
    const calls = playZegocloud(() => finished('http://pictures.test/1.jpg'))
    await deliver(callback('second', GENUINE), ON)
    const before = await record('second')
    await deliver(callback('second', FORGED), ON)
    await sweep()
    expect(await record('second')).toEqual(before)
    expect(await reasons()).toEqual(['conflict'])
    expect(await disputes()).toEqual([])
    expect(calls).toHaveLength(1)
    await deliver(callback('second', FORGED), ON)
    await sweep()
    expect(calls).toHaveLength(1) // it had its question
  })

  it('wins nothing by the same pictures with other offsets, which ZEGOCLOUD cannot tell apart', async () => {
    playZegocloud(() => finished('http://pictures.test/1.jpg'))
    await deliver(callback('offsets', GENUINE), ON)
    await deliver(callback('offsets', [{ ...GENUINE[0], offset: 9 }]), ON)
    await sweep()
    expect(await record('offsets')).toMatchObject({ snapshot_pic_list: GENUINE })
    expect(await disputes()).toEqual([])
  })

  it('wins nothing by naming another vendor', async () => {
    playZegocloud(({ query }) =>
      query.get('Vendor') === 'Huawei' ? huawei('NO_TASK') : finished('http://pictures.test/1.jpg'),
    )
    await deliver(callback('vendor', GENUINE), ON)
    await deliver(callback('vendor', FORGED, { vendor: 'hw' }), ON)
    await sweep()
    expect(await record('vendor')).toMatchObject({ vendor: 'tencent', snapshot_pic_list: GENUINE })
    expect(await disputes()).toEqual([])
  })

  it('is not answered for by what another vendor says', async () => {
    playZegocloud(({ query }) =>
      query.get('Vendor') === 'Huawei' ? huawei('PROCESSING') : finished('http://pictures.test/1.jpg'),
    )
    await deliver(callback('vendors', GENUINE), ON)
    for (const vendor of ['hw', 'tencent']) await deliver(callback('vendors', FORGED, { vendor }), ON)
    await sweep()
    const open = await rows('SELECT ask_vendor FROM quarantine WHERE ask_due IS NOT NULL')
    expect(open).toEqual([{ ask_vendor: 'hw' }])
  })
})

it('has no more than five bodies in memory at once', async () => {
  await deliver(callback('memory', GENUINE))
  for (let n = 0; n < 7; n += 1) await deliver(callback('memory', [{ url: `http://pictures.test/forged/${n}.jpg` }]))
  const first = await findDisputed(env.DB, 'memory', '')
  const second = await findDisputed(env.DB, 'memory', first.at(-1)!.id)
  expect([first, second].map(({ length }) => length)).toEqual([5, 2])
})

it("stores ZEGOCLOUD's own answer where it confirms neither", async () => {
  playZegocloud(() => finished('http://pictures.test/third.jpg'))
  await deliver(callback('neither', GENUINE), ON)
  await deliver(callback('neither', FORGED), ON)
  await sweep()
  const [own] = [{ url: 'http://pictures.test/third.jpg' }]
  expect(await record('neither')).toMatchObject({ via: 'query', snapshot_pic_list: [own] })
  expect(await recordInKv('neither')).toMatchObject({ via: 'query' })
  expect((await reasons()).toSorted()).toEqual(['conflict', 'replaced'])
})

it('stores no task that only a used signature names', async () => {
  const calls = playZegocloud(() => finished('http://pictures.test/1.jpg'))
  const genuine = callback('genuine', GENUINE)
  await deliver(genuine, ON)
  expect((await deliver(swapped(genuine, { task_id: 'named', snapshot_pic_list: '[]' }), ON)).status).toBe(409)
  await sweep()
  expect(calls.map(({ query }) => query.get('TaskId'))).toEqual(['named'])
  expect([(await read('named')).status, await recordInKv('named')]).toEqual([404, null])
  expect(await disputes()).toEqual([])
})

it('asks again while ZEGOCLOUD has not finished', async () => {
  let answer = tencent('PROCESSING')
  const calls = playZegocloud(() => answer)
  await deliver(callback('early', FORGED), ON)
  await deliver(callback('early', GENUINE), ON)
  await sweep()
  await sweep()
  expect(calls).toHaveLength(1)
  answer = finished('http://pictures.test/1.jpg')
  await wait(2)
  await sweep()
  expect(await record('early')).toMatchObject({ snapshot_pic_list: GENUINE })
})

it('costs no gap where ZEGOCLOUD says "too frequent": to the question, or to that about the signature\'s other task', async () => {
  const answers = [refusal(6), finished('http://pictures.test/1.jpg'), refusal(6)]
  const calls = playZegocloud(() => answers.shift() ?? finished('http://pictures.test/1.jpg'))
  const genuine = callback('hasty', GENUINE)
  await deliver(swapped(genuine, { task_id: 'made up', snapshot_pic_list: JSON.stringify(FORGED) }), ON)
  await deliver(genuine, ON)
  for (let run = 1; run <= 3; run += 1) {
    await env.DB.prepare('DELETE FROM turns').run() // no run waits for the one before it
    await sweep()
  }
  expect(calls.map(({ query }) => query.get('TaskId'))).toEqual(['hasty', 'hasty', 'made up', 'hasty', 'made up'])
  expect(await record('hasty')).toMatchObject({ snapshot_pic_list: GENUINE })
})

it("prefers a callback to Huawei's relative names when the two are of the same pictures", async () => {
  playZegocloud(() => huawei('SUCCEEDED', { FileName: ['record/1.jpg'] }))
  await register('289665200', 'hw')
  await wait(2)
  await sweep()
  const late = callback('289665200', [{ url: 'https://bucket.test/record/1.jpg' }], { vendor: 'hw' })
  expect(await (await deliver(late, ON)).json()).toMatchObject({ reason: 'conflict' })
  await sweep()
  expect(await record('289665200')).toMatchObject({
    via: 'callback',
    snapshot_pic_list: [{ url: 'https://bucket.test/record/1.jpg' }],
  })
})

it('waits where ZEGOCLOUD cannot be asked, and is asked once there is a ServerSecret', async () => {
  const calls = playZegocloud(() => finished('http://pictures.test/1.jpg'))
  await deliver(callback('unasked', GENUINE))
  await deliver(callback('unasked', FORGED))
  await deliver(callback('other vendor', GENUINE, { vendor: 'aws' }), ON)
  await deliver(callback('other vendor', FORGED, { vendor: 'aws' }), ON)
  expect(await reasons()).toEqual(['conflict', 'conflict'])
  await sweep({})
  expect(calls).toEqual([])
  await sweep()
  expect([calls.length, await disputes()]).toEqual([1, []])
})

it('holds no pending task back, however many there are', async () => {
  const calls = playZegocloud(() => tencent('PROCESSING'))
  await register('held back')
  await wait(2)
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
    INSERT INTO quarantine (id, reason, detail, signature, task_id, received_at, body, ask_app, ask_vendor, ask_due)
    SELECT 'conflict:' || i, 'conflict', '', '', 'task ' || i, ?1, '', '12345', 'tencent', ?1 FROM n`,
  )
    .bind(Date.now() - 1000)
    .run()
  await sweep(ON)
  expect(calls.map(({ query }) => query.get('TaskId'))).toContain('held back')
})
