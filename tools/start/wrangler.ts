/** `wrangler dev` with the receiver and the example consumer: how it starts, prints and ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { readable } from './readable.ts'

const env = {
  ...process.env,
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  // Otherwise it fetches a placeholder for `request.cf` from the network.
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  // Otherwise it joins Workers and queues of the same name that run elsewhere on this machine.
  CLOUDFLARE_DEV_REGISTRY_PATH: join('.wrangler', 'registry'),
  WRANGLER_LOG_PATH: join('.wrangler', 'logs'),
}

/** @param onReady is called when it listens */
export function startWrangler(host: string, port: number, vars: Record<string, string>, onReady: () => void) {
  const configs = ['-c', 'wrangler.toml', '-c', 'examples/consumer/wrangler.toml']
  const address = ['--ip', host, '--port', String(port), '--inspector-port', '0']
  const settings = Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`])
  const node = ['--no-warnings', '--import', import.meta.resolve('./end-with-parent.js')]
  const wrangler = createRequire(import.meta.url).resolve('wrangler')
  const options = [...configs, ...address, ...settings, '--show-interactive-dev-session=false']
  const child = spawn(process.execPath, [...node, wrangler, 'dev', ...options], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Wrangler starts others: all of them are in one process group, and end with it.
    detached: process.platform !== 'win32',
  })
  process.on('exit', () => killGroup(child))
  printLines(child.stderr, () => undefined)
  printLines(child.stdout, (line) => line.includes('Ready on http') && onReady())
  return child
}

function killGroup({ pid }: ChildProcess) {
  if (pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
  } catch {
    // all of them have ended by themselves
  }
}

function printLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void) {
  const read = readable()
  createInterface({ input: stream }).on('line', (line) => {
    onLine(line)
    const text = read(line)
    if (text !== undefined) print(text)
  })
}

export const print = (text: string) => console.log(`${new Date().toLocaleTimeString('en-GB')}  ${text}`)
