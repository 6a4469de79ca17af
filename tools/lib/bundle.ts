/** A Worker as Wrangler would deploy it: with the settings of wrangler.toml, and its entry as the first module. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

const root = join(import.meta.dirname, '../..')
const wrangler = createRequire(import.meta.url)
  .resolve('wrangler/package.json')
  .replace(/package\.json$/, 'bin/wrangler.js')

export type Module = { type: 'ESModule' | 'Text'; path: string; contents: string }

/** Wrangler names a text after its hash: a browser's script is one, too. */
const BROUGHT_IN = /^[0-9a-f]{40}-/

/** @param entry its path in this project */
export async function bundle(entry: string): Promise<Module[]> {
  const directory = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  try {
    await build(entry, directory)
    const modules = readdirSync(directory)
      .filter((file) => /\.(?:js|json|sql|css)$/.test(file))
      .map((file): Module => {
        const contents = readFileSync(join(directory, file), 'utf8')
        return { type: BROUGHT_IN.test(file) ? 'Text' : 'ESModule', path: file, contents }
      })
    return modules.toSorted((a, b) => a.type.localeCompare(b.type))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function build(entry: string, directory: string): Promise<void> {
  const child = spawn(process.execPath, [wrangler, 'deploy', entry, '--dry-run', '--outdir', directory], {
    cwd: root,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true', WRANGLER_LOG_PATH: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  if (status !== 0) throw new Error(`${entry} cannot be built:\n${out}${err}`)
}
