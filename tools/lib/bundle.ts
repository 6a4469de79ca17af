/** A Worker as Wrangler would deploy it: with the settings of wrangler.toml, and its entry as the first module. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '../..')

export type Module = { type: 'ESModule' | 'Text'; path: string; contents: string }

/** Wrangler names a text after its hash: a browser's script is one, too. */
const BROUGHT_IN = /^[0-9a-f]{40}-/

/** @param entry its path in this project */
export async function bundle(entry: string): Promise<Module[]> {
  const directory = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  try {
    const wrangler = createRequire(import.meta.url).resolve('wrangler')
    const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG_PATH: directory }
    const args = ['--no-warnings', wrangler, 'deploy', entry, '--dry-run', '--outdir', directory]
    await promisify(execFile)(process.execPath, args, { cwd: root, env })
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
