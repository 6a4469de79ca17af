import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createTestHarness, type TestHarness } from 'wrangler'
import type { SnapshotEvent } from '../../src/event.ts'
import { completed, failed, referred } from '../consumer/events.ts'
import { projectCopy } from './project-copy.ts'

const copy = projectCopy()
const consumerDirectory = join(copy.directory, 'examples/consumer')
let server: TestHarness

function edit(file: string, changes: [string, string][]) {
  const path = join(consumerDirectory, file)
  let text = readFileSync(path, 'utf8')
  for (const [from, to] of changes) {
    expect(text).toContain(from)
    text = text.replace(from, to)
  }
  writeFileSync(path, text)
}

beforeAll(async () => {
  edit('print.ts', [
    // A handle that fails once for one task, and for ever for another.
    [
      'export async function handle(event: SnapshotEvent, _settings: Settings) {\n',
      `let failures = 0
export async function handle(event: SnapshotEvent, _settings: Settings) {
  if (event.subject === 'fails-once' && failures++ === 0) throw new Error('failed once')
  if (event.subject === 'fails-always') throw new Error('failed as always')
  await scheduler.wait(50)
`,
    ],
  ])
  edit('worker.ts', [['FIRST_RETRY_SECONDS = 10', 'FIRST_RETRY_SECONDS = 1']])
  edit('wrangler.toml', [
    ['max_batch_timeout = 1', 'max_batch_timeout = 0'],
    ['max_retries = 10', 'max_retries = 2'],
  ])
  server = createTestHarness({
    root: copy.directory,
    workers: [
      {
        config: {
          name: 'feeder',
          main: join(import.meta.dirname, 'feeder.ts'),
          compatibility_date: '2026-10-23',
          queues: { producers: [{ binding: 'EVENTS', queue: 'zego-snapshots-events' }] },
        },
      },
      { configPath: 'examples/consumer/wrangler.toml' },
    ],
  })
  await server.listen()
})

afterAll(async () => {
  await server.close()
  copy.remove()
})

async function send(...events: unknown[]) {
  const { EVENTS } = await server.getWorker<{ EVENTS: Queue }>('feeder').getEnv()
  await EVENTS.sendBatch(events.map((body) => ({ body })))
}

async function rows<Row>(query: string) {
  const { DB } = await server.getWorker<{ DB: D1Database }>('zego-snapshots-consumer').getEnv()
  const { results } = await DB.prepare(query).all<Row>()
  return results
}

/** What the consumer said about a task. */
const said = (task_id: string) =>
  server
    .getLogs()
    .map(({ message }) => message)
    .filter((message) => message.includes(task_id))

const soon = { timeout: 20_000, interval: 100 }

test("can be copied with the receiver's event.ts alone", () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  onTestFinished(() => rmSync(elsewhere, { recursive: true }))
  cpSync(consumerDirectory, elsewhere, { recursive: true })
  cpSync(join(copy.directory, 'src/event.ts'), join(elsewhere, 'event.ts'))
  symlinkSync(join(copy.directory, 'node_modules'), join(elsewhere, 'node_modules'), 'junction')
  const tsc = join(copy.directory, 'node_modules/typescript/bin/tsc')
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', '.'], { cwd: elsewhere, encoding: 'utf8' })
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
})

test('handles an event once, however often it comes, even at the same time', async () => {
  await send(...Array.from({ length: 5 }, () => completed('repeated')))
  await vi.waitFor(
    () => expect(said('snapshot repeated:')).toEqual(['snapshot repeated: 0 pictures from tencent']),
    soon,
  )
  // The copies that lost the claim come again after a second, and find it done.
  await new Promise((resolve) => setTimeout(resolve, 2500))
  expect(said('snapshot repeated:')).toHaveLength(1)
  expect(await rows('SELECT id FROM seen WHERE busy_until IS NOT NULL')).toEqual([])
})

test('tells each kind of event apart, and brings back one that failed alone', async () => {
  await send(referred('huge'), failed('broken'), completed('fails-once'))
  await vi.waitFor(() => expect(said('snapshot fails-once:')).toHaveLength(1), soon)
  expect(said('huge')).toEqual(['snapshot huge: 1 pictures, to be read at /v1/snapshots/huge'])
  expect(said('broken')).toEqual(['snapshot broken failed: file does not exist'])
})

test('keeps as a dead letter what is no event, at once, and what fails for ever, in the end', async () => {
  await send({ ...completed('no-event'), specversion: '2.0' }, completed('fails-always'), completed('well'))
  await vi.waitFor(async () => {
    const dead = await rows<{ body: string }>('SELECT body FROM dead')
    expect(dead.map(({ body }) => (JSON.parse(body) as SnapshotEvent).subject).toSorted()).toEqual([
      'fails-always',
      'no-event',
    ])
  }, soon)
  expect(said('no-event')[0]).toMatch(/^dead letter \S+ kept in table dead: \{/)
  expect(said('snapshot well:')).toHaveLength(1)
  expect(await rows("SELECT id FROM seen WHERE id IN ('id of no-event', 'id of fails-always')")).toEqual([])
})
