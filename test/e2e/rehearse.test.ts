import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { scenarios } from '../../tools/rehearsal/scenarios.ts'

const root = join(import.meta.dirname, '../..')

/** What a build has time for. */
const MOST_ROWS = 35
const MOST_MS = 120_000

async function rehearse(...flags: string[]) {
  const node = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...node, 'tools/rehearse.ts', ...flags], { cwd: root })
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { out, err, status: status as number }
}

/** The numbers of the table by the name of the fault. */
function rowsOf(out: string) {
  const lines = [
    ...out.matchAll(/^\| (\S+) +\| +(\d+) +\| +(\d+) +\| +(\d+) +\| +(\d+) +\| +(\d+) +\| +(\d+) +\| +[\d.]+ s \|$/gm),
  ]
  return new Map(
    lines.map(([, name, ...numbers]) => {
      const [sent = NaN, acknowledged = NaN, inD1 = NaN, inKv = NaN, events = NaN, lost = NaN] = numbers.map(Number)
      return [name, { sent, acknowledged, inD1, inKv, events, lost }]
    }),
  )
}

test('is every fault once, and no more of them than a build has time for', () => {
  const names = scenarios.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(names.length).toBeLessThanOrEqual(MOST_ROWS)
})

test('says what each fault is', async () => {
  const { out, status } = await rehearse('--list')
  expect(status).toBe(0)
  const said = out
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/))
  expect(said).toEqual(scenarios.map(({ name, about }) => [name, about]))
})

// All of them take two minutes: `npm run rehearse`, which CI runs beside these tests.
test('loses nothing but what nothing could take before ZEGOCLOUD gave up', { timeout: MOST_MS }, async () => {
  const name = 'all-three-120s'
  const { out, err, status } = await rehearse('--tasks', '20', '--fault', name)
  expect(out, err).toContain('All as promised.')
  expect(status).toBe(0)
  const row = rowsOf(out).get(name)!
  expect(row.lost).toBeLessThanOrEqual(row.sent - row.acknowledged)
})
