import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { scenarios } from '../../tools/rehearsal/scenarios.ts'

// The matrix itself is what CI runs beside these tests.
test('npm run rehearse says what each fault is, once', async () => {
  const node = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning', 'tools/rehearse.ts', '--list']
  const child = spawn(process.execPath, node, { cwd: join(import.meta.dirname, '../..') })
  const [out, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  expect(status).toBe(0)
  const lines = out.trim().split('\n')
  expect(lines.map((line) => line.trim().split(/ {2,}/))).toEqual(scenarios.map(({ name, about }) => [name, about]))
  expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length)
})
