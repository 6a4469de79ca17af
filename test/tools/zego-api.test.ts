import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { zegoApi, type ApiOptions } from '../../tools/zego-api.ts'
import { sign, signQuery, type Callback } from '../../tools/zegocloud.ts'

const SECRET = '9193cc662a4c0ec135ec71fb57194b38'
const START = { Action: 'MediaThumbnails', Vendor: 'Tencent', Type: 'SnapshotByTimeOffset', Definition: '10' }
const TWO = [
  ['ExtTimeOffsetSet', '1'],
  ['ExtTimeOffsetSet', '2.5'],
] as [string, string][]

/** The list as it travels. */
type Received = Omit<Callback, 'snapshot_pic_list'> & { snapshot_pic_list: string }
type Answer = { Code: number; Message: string; Data?: Record<string, Record<string, unknown>> }

async function listening(server: Server) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The stand-in, and a receiver that keeps the callbacks and answers with one status after the other. */
async function playing(options: Partial<ApiOptions> = {}, statuses = [200]) {
  const callbacks: Received[] = []
  const receiver = createServer((request, response) => {
    void text(request).then((body) => {
      callbacks.push(JSON.parse(body) as Received)
      return response.writeHead(statuses[Math.min(callbacks.length, statuses.length) - 1] ?? 200).end()
    })
  })
  const api = zegoApi({
    serverSecrets: { '12345': SECRET },
    callbackUrl: `${await listening(receiver)}/zego/callback`,
    callbackSecret: 'secret',
    finishAfterMs: 20,
    delivery: { timeScale: 0.01 },
    ...options,
  })
  const url = await listening(api.server)
  const ask = async (parameters: Record<string, string>, more: [string, string][] = [], change: object = {}) => {
    const SignatureNonce = randomBytes(8).toString('hex')
    const Timestamp = String(Math.floor(Date.now() / 1000))
    const Signature = signQuery('12345', SignatureNonce, SECRET, Timestamp)
    const common = { AppId: '12345', SignatureNonce, Timestamp, Signature, SignatureVersion: '2.0', ...change }
    const query = new URLSearchParams([...Object.entries({ ...common, ...parameters }), ...more])
    const response = await fetch(`${url}/?${String(query)}`, { signal: AbortSignal.timeout(1_000) })
    return response.json<Answer>()
  }
  const start = async (FileId: string) => String((await ask({ ...START, FileId }, TWO)).Data?.['Tencent']?.['TaskId'])
  const describe = (TaskId: string, Vendor = 'Tencent') => ask({ Action: 'DescribeMediaTask', TaskId, Vendor })
  return { ...api, url, callbacks, ask, start, describe }
}

const soon = { timeout: 3_000, interval: 10 }

test('starts a task, finishes it, and calls back as ZEGOCLOUD does', async () => {
  const { start, describe, callbacks } = await playing({ finishAfterMs: 200 })
  const task_id = await start('lecture')
  expect((await describe(task_id)).Data?.['Tencent']).toMatchObject({ Status: 'PROCESSING' })
  await vi.waitFor(() => expect(callbacks).toHaveLength(1), soon)
  const callback = callbacks[0]!
  const { timestamp, nonce, signature } = callback
  expect(signature).toBe(sign({ secret: 'secret', timestamp, nonce }))
  expect(callback).toMatchObject({ appid: '12345', event: 'snapshot', task_id, vendor: 'tencent', field_id: 'lecture' })
  const list = JSON.parse(callback.snapshot_pic_list) as { url: string; offset: number }[]
  expect(list.map(({ offset }) => offset)).toEqual([1000, 2500])
  expect((await describe(task_id)).Data?.['Tencent']).toEqual({
    TaskId: task_id,
    Event: 'SnapshotByTimeOffset',
    Status: 'FINISH',
    FileId: 'lecture',
    Message: '',
    ThumbnailsUrl: list.map(({ url }) => url),
  })
})

test('tries again, signed anew, until a callback is taken', async () => {
  const { start, callbacks } = await playing({}, [500, 503, 200])
  await start('lecture')
  await vi.waitFor(() => expect(callbacks).toHaveLength(3), soon)
  expect(new Set(callbacks.map(({ signature }) => signature)).size).toBe(3)
})

test("answers in Huawei's words for Huawei", async () => {
  const { ask, describe } = await playing()
  const huawei = { Action: 'MediaThumbnails', Vendor: 'Huawei', Type: 'SampleSnapshot', Interval: '5', FileId: 'a' }
  const TaskId = String((await ask(huawei)).Data?.['Huawei']?.['task_id'])
  expect(TaskId).toMatch(/^\d{9}$/)
  await vi.waitFor(async () => {
    expect((await describe(TaskId, 'Huawei')).Data?.['Huawei']).toMatchObject({ Status: 'SUCCEEDED' })
  }, soon)
  const answer = (await describe(TaskId, 'Huawei')).Data?.['Huawei']
  expect(answer?.['FileName']).toEqual(expect.arrayContaining([expect.stringMatching(/^[^/:]+\/\d.*\.svg$/)]))
  expect((await describe('1', 'Huawei')).Data?.['Huawei']).toMatchObject({ Status: 'NO_TASK' })
  expect(await describe(TaskId)).toMatchObject({ Code: 4 })
})

test.each([
  ['no app', { AppId: '1' }, 7],
  ['another signature', { Signature: '0'.repeat(32) }, 100000005],
  ['a nonce that is too short', { SignatureNonce: 'abc' }, 100000005],
  ['another version', { SignatureVersion: '1.0' }, 100000005],
])('refuses %s', async (_title, change, Code) => {
  const { ask, counts } = await playing()
  expect(await ask({ Action: 'DescribeMediaTask', TaskId: '1', Vendor: 'Tencent' }, [], change)).toMatchObject({ Code })
  expect(counts).toMatchObject({ refused: 1, described: 0 })
})

test('refuses a signature that is more than ten minutes old', async () => {
  const { ask } = await playing()
  const SignatureNonce = 'a'.repeat(16)
  const Timestamp = String(Math.floor(Date.now() / 1000) - 700)
  const Signature = signQuery('12345', SignatureNonce, SECRET, Timestamp)
  const change = { SignatureNonce, Timestamp, Signature }
  expect(await ask({ Action: 'DescribeMediaTask', TaskId: '1', Vendor: 'Tencent' }, [], change)).toMatchObject({
    Code: 100000004,
  })
})

test.each([{ Vendor: 'tencent' }, { Type: 'Snapshot' }, { Definition: '' }, { FileId: '' }])(
  'refuses the parameters %j',
  async (change) => {
    const { ask } = await playing()
    expect(await ask({ ...START, FileId: 'lecture', ...change }, TWO)).toMatchObject({ Code: 2 })
  },
)

test('is told by the FileId what goes wrong with a task', async () => {
  const { start, describe, ask, callbacks } = await playing()
  const [drop, fail, disagree, forget] = [
    await start('a+drop'),
    await start('a+fail'),
    await start('a+disagree'),
    await start('a+forget+drop'),
  ]
  await vi.waitFor(() => expect(callbacks).toHaveLength(1), soon)
  expect(callbacks[0]?.task_id).toBe(disagree)
  expect((await describe(drop)).Data?.['Tencent']).toMatchObject({ Status: 'FINISH' })
  expect((await describe(fail)).Data?.['Tencent']).toMatchObject({ Status: 'FAIL', Message: expect.any(String) })
  const answer = (await describe(disagree)).Data?.['Tencent']?.['ThumbnailsUrl'] as string[]
  const called = JSON.parse(callbacks[0]!.snapshot_pic_list) as { url: string }[]
  expect(answer).toHaveLength(called.length)
  for (const { url } of called) expect(answer).not.toContain(url)
  expect(await describe(forget)).toMatchObject({ Code: 1000 })
  expect(await ask({ ...START, FileId: 'a+too-frequent' }, TWO)).toMatchObject({ Code: 6 })
  await expect(ask({ ...START, FileId: 'a+hang' }, TWO)).rejects.toThrow('timeout')
})

test('is told at /control what goes wrong with all of them, and counts there', async () => {
  const { url, start, describe, callbacks } = await playing()
  const control = async (body?: string) => {
    const response = await fetch(`${url}/control`, body === undefined ? {} : { method: 'POST', body })
    return response.json<{ always: string[]; counts: Record<string, number> }>()
  }
  expect((await control('{"always":["drop","hang"]}')).always).toEqual(['drop', 'hang'])
  await expect(describe('1')).rejects.toThrow('timeout')
  await control('{"always":["drop"]}')
  await start('lecture')
  await control('{"always":[]}')
  const second = await start('lecture')
  await vi.waitFor(() => expect(callbacks.length).toBeGreaterThan(0), soon)
  // What was ordered for all holds for the tasks that began meanwhile.
  expect(callbacks.map(({ task_id }) => task_id)).toEqual([second])
  expect((await control()).counts).toMatchObject({ started: 2, described: 1, refused: 0 })
})

test('is "too frequent" beyond 20 requests in a second of an app', async () => {
  const { describe, counts } = await playing()
  const answers = await Promise.all(Array.from({ length: 25 }, () => describe('1', 'Huawei')))
  expect(answers.filter(({ Code }) => Code === 6)).toHaveLength(5)
  expect(counts.mostInASecond).toBe(25)
})
