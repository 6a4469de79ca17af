/** The Worker as Wrangler would deploy it, and the stage for it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { GENERATIONS } from './orders.ts'

const root = join(import.meta.dirname, '../..')

export type Module = { type: 'ESModule' | 'Text'; path: string; contents: string }

async function bundle(entry: string, directory: string): Promise<Module[]> {
  const wrangler = createRequire(import.meta.url)
    .resolve('wrangler/package.json')
    .replace(/package\.json$/, 'bin/wrangler.js')
  const outdir = join(directory, entry.replaceAll(/\W/g, '-'))
  const child = spawn(process.execPath, [wrangler, 'deploy', entry, '--dry-run', '--outdir', outdir], {
    cwd: root,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true', WRANGLER_LOG_PATH: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  if (status !== 0) throw new Error(`${entry} cannot be built:\n${out}${err}`)
  return readdirSync(outdir)
    .filter((file) => /\.(?:js|sql)$/.test(file))
    .map((file) => ({
      type: file.endsWith('.js') ? 'ESModule' : 'Text',
      path: file,
      contents: readFileSync(join(outdir, file), 'utf8'),
    }))
}

/** The stage, and beside it the Worker's own build, as often as it may be started anew. */
export async function build(): Promise<Module[]> {
  const directory = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  try {
    const entries = ['tools/rehearsal/stage.ts', 'src/worker.ts'] as const
    const [stage = [], worker = []] = await Promise.all(entries.map((entry) => bundle(entry, directory)))
    const copies = Array.from({ length: GENERATIONS }, (_, generation) =>
      worker
        .filter(({ type }) => type === 'ESModule')
        .map((module) => ({ ...module, path: `receiver-${generation}.js` })),
    )
    const texts = [...stage, ...worker].filter(({ type }) => type === 'Text')
    const entry = stage.filter(({ type }) => type === 'ESModule')
    return [...entry, ...copies.flat(), ...new Map(texts.map((module) => [module.path, module])).values()]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
