import { expect, test } from 'vitest'
import { readable } from '../../tools/start/readable.ts'

const read = (...lines: string[]) => lines.map(readable()).filter((line) => line !== undefined)

test("turns the receiver's log objects into short lines", () => {
  expect(
    read(
      '[zego-snapshots] {"event":"callback.stored","task_id":"123tt0","request_id":"57c0","pictures":3,"why":"two words"}',
      '[zego-snapshots] {"event":"sweep.published","count":2,"parts":["kv"]}',
    ),
  ).toEqual(['callback.stored      123tt0 pictures=3 why="two words"', 'sweep.published      count=2 parts=["kv"]'])
})

test('reads them where wrangler shows console.warn and console.error, in colour', () => {
  expect(
    read(
      '\u001B[33m▲ \u001B[43;33m[\u001B[43;30mWARNING\u001B[43;33m]\u001B[0m \u001B[1m{"event":"callback.refused","code":"stale"}\u001B[0m',
      '',
      '✘ [ERROR] {"event":"publish.failed","task_id":"9"}',
      '✘ [ERROR] Build failed',
    ),
  ).toEqual(['callback.refused     stale', 'publish.failed       9', 'error  Build failed'])
})

test('names the Worker before what else it says', () => {
  expect(read('[zego-snapshots-consumer] snapshot 9: 3 pictures', '[zego-snapshots] {"not":"ours"}')).toEqual([
    'consumer  snapshot 9: 3 pictures',
    'zego-snapshots  {"not":"ours"}',
  ])
})

test('drops request lines, tables and the advice about cron, and nothing that follows them', () => {
  expect(
    read(
      'zego-snapshots has access to the following bindings:',
      'Binding                                  Resource          Mode',
      'env.DB (zego-snapshots)                  D1 Database       local',
      '',
      '⎔ Starting local server...',
      '[wrangler:info] Ready on http://127.0.0.1:8787',
      '[wrangler:info] POST /zego/callback 200 OK (12ms)',
      '▲ [WARNING] Scheduled Workers are not automatically triggered during local development.',
      '',
      '  To manually trigger a scheduled event, run:',
      '    curl "http://127.0.0.1:8787/cdn-cgi/local/scheduled"',
      '',
      '✘ [ERROR] Could not resolve "hono"',
    ),
  ).toEqual(['error  Could not resolve "hono"'])
})

test('passes errors and their stack traces', () => {
  expect(
    read('[wrangler:error] Error: boom', '    at Object.fetch (src/worker.ts:6:42)', '[wrangler:info] GET / 500 (1ms)'),
  ).toEqual(['[wrangler:error] Error: boom', '    at Object.fetch (src/worker.ts:6:42)'])
})
