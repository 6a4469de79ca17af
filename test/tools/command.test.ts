import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { command, httpUrl, positive, whole } from '../../tools/lib/command.ts'

const root = join(import.meta.dirname, '../..')

async function run(program: string, option: string) {
  const node = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning', `tools/${program}.ts`]
  const child = spawn(process.execPath, [...node, option], { cwd: root })
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { out, err, status: status as number }
}

const programs = ['bench', 'deploy', 'doctor', 'openapi', 'rehearse', 'simulate', 'start']

test.concurrent.each(programs)(
  'npm run %s says what it does, refuses what it does not know, and does nothing else',
  async (program) => {
    const { out, ...helped } = await run(program, '--help')
    expect(out).toMatch(new RegExp(`^Usage: npm run ${program} -- \\[options\\].*\\n\\n[A-Z]`))
    expect(helped).toEqual({ err: '', status: 0 })
    const { err, ...refused } = await run(program, '--colour=red')
    expect(err).toMatch(new RegExp(`^${program}: (unknown option '--colour=red'|type the URL, and --appid at most)`))
    expect(refused).toEqual({ out: '', status: 2 })
  },
)

test.each([
  ["import 'nowhere'", 'a dependency is missing. Install all of them: npm ci --include=dev'],
  ["throw Object.assign(new Error(), { code: 'EROFS' })", 'this checkout cannot be written.'],
])('says in a line what to do where it cannot start: %s', async (code, words) => {
  const directory = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  cpSync(join(root, 'tools/run.js'), join(directory, 'run.js'))
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  writeFileSync(join(directory, 'paint.ts'), code)
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(directory, 'run.js'), 'paint'])
  const [err, [status]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  expect(err).toMatch(new RegExp(`^paint: ${words}.*\\n$`))
  expect(status).toBe(1)
})

const read = (...args: string[]) =>
  command('paint', 'Paints.')
    .option('--url <url>', 'where to', httpUrl)
    .option('--count <number>', 'how many', whole(1), 20)
    .option('--port <number>', 'which port', whole(1, 9), 5)
    .option('--rate <number>', 'how fast', positive, 20)
    .parse(args, { from: 'user' })
    .opts()

test('reads values in both spellings, and has its defaults', () => {
  const args = ['--count', '3', '--rate=0.5', '--url', 'https://x.test/a?b']
  expect(read(...args)).toEqual({ count: 3, port: 5, rate: 0.5, url: 'https://x.test/a?b' })
})

test.each([
  [['--toString'], "unknown option '--toString'"],
  [['--count', 'many'], "argument 'many' is invalid. It must be a whole number, 1 or more."],
  [['--count', '0'], "argument '0' is invalid. It must be a whole number, 1 or more."],
  [['--port', '10'], "argument '10' is invalid. It must be a whole number from 1 to 9."],
  [['--rate'], "option '--rate <number>' argument missing"],
  [['--rate', '0'], "argument '0' is invalid. It must be a number above 0."],
  [['--url', 'file:///etc'], "argument 'file:///etc' is invalid. It must be an http or https URL."],
  [['receiver'], 'too many arguments'],
])('refuses %j', (args, complaint) => {
  const exit = vi.spyOn(process, 'exit').mockImplementation((status) => {
    throw new Error(`exit ${status}`)
  })
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => [exit, write].forEach((spy) => spy.mockRestore()))
  expect(() => read(...args)).toThrow('exit 2')
  expect(write.mock.calls.join('')).toMatch(/^paint: /)
  expect(write.mock.calls.join('')).toContain(complaint)
})
