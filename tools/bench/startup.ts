/** Size, and the time from nothing to a first answer, against the smallest Hono app. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { bundle, type Module } from '../lib/bundle.ts'
import { compatibilityDate } from '../lib/world.ts'
import { type Figure, inRounds } from './figure.ts'

const STARTS = 25

export async function startupFigures(): Promise<Figure[]> {
  const [ours, hono] = await Promise.all([bundle('src/worker.ts'), bundle('tools/bench/bare-hono.ts')])
  const directory = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  try {
    const start = { ours: prepared(ours, join(directory, 'ours')), hono: prepared(hono, join(directory, 'hono')) }
    const both = async () => ({ ours: await start.ours(), floor: await start.hono() })
    const measured = await inRounds(both, STARTS)
    const sizes = [{ ours: sizeOf(ours), floor: sizeOf(hono) }]
    return [
      { name: 'start to first answer : bare Hono', unit: 'ms', rounds: measured },
      { name: 'bundle, gzipped : bare Hono', unit: 'KiB', rounds: sizes },
    ]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const sizeOf = (modules: Module[]) => gzipSync(modules.map(({ contents }) => contents).join('')).length / 1024

/** workerd is Miniflare's. */
const workerd = (createRequire(createRequire(import.meta.url).resolve('miniflare'))('workerd') as { default: string })
  .default

const MOST_BYTES = 100e6

/** Writes down a configuration of bare workerd; each call starts it and tells the milliseconds to its first answer. */
function prepared(modules: Module[], directory: string): () => Promise<number> {
  mkdirSync(directory)
  for (const { path, contents } of modules) writeFileSync(join(directory, path), contents)
  const kinds = { ESModule: 'esModule', Text: 'text' }
  const embedded = modules.map(({ path, type }) => `(name = "${path}", ${kinds[type]} = embed "${path}")`)
  writeFileSync(
    join(directory, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [(name = "main", worker = .main)],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]);
    const main :Workerd.Worker = (modules = [${embedded.join(', ')}], compatibilityDate = "${compatibilityDate}");`,
  )
  // Binary, as Miniflare's: workerd would read a text for a tenth of the time.
  const compile = ['compile', '--config-only', 'config.capnp']
  writeFileSync(join(directory, 'config'), execFileSync(workerd, compile, { cwd: directory, maxBuffer: MOST_BYTES }))
  return async () => firstAnswer(directory)
}

async function firstAnswer(directory: string): Promise<number> {
  const began = performance.now()
  const child = spawn(workerd, ['serve', '--binary', '--control-fd=3', 'config'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  })
  try {
    const port = await listening(child.stdio[3] as Readable)
    await (await fetch(`http://127.0.0.1:${port}/nothing-is-here`)).text()
    return performance.now() - began
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}

async function listening(control: Readable): Promise<number> {
  for await (const line of createInterface(control)) {
    const { event, port } = JSON.parse(line) as { event: string; port: number }
    if (event === 'listen') return port
  }
  throw new Error('workerd ended before it listened')
}
