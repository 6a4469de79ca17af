import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'

const launcher = join(import.meta.dirname, '../../tools/run.js')

async function run(...node: string[]) {
  const child = spawn(process.execPath, [...node, launcher, 'simulate', '--count', '0'])
  const [err, [status]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  return { err, status: status as number }
}

/** As if this Node were another. */
const asNode = (version: string) =>
  `--import=data:text/javascript,${encodeURIComponent(
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`,
  )}`

test.each(['18.20.0', '20.19.0', '22.11.0'])(
  'Node %s hears which one is needed, and how to get it',
  async (version) => {
    const { err, status } = await run(asNode(version))
    expect(err).toContain(`needs Node 22.12 or newer, and found ${version}.`)
    expect(err).toContain('run `npm ci` again without it')
    expect(status).toBe(1)
  },
)

test.each([
  ['Node 22.12', asNode('22.12.0')],
  ['Node 24', asNode('24.0.0')],
  ['a Node that reads TypeScript only when it is told to', '--no-experimental-strip-types'],
])('%s runs the program, and ends as it does', async (_title, option) => {
  const { err, status } = await run('--disable-warning=ExperimentalWarning', option)
  expect(err).toMatch(/^simulate: option '--count <number>' argument '0' is invalid/)
  expect(status).toBe(2)
})
