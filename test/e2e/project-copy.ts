import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** What a checkout holds that the Workers and the tools need; the developer's .dev.vars and local stores stay out. */
const PARTS = ['package.json', 'tsconfig.json', 'wrangler.toml', '.npmrc', 'src', 'tools', 'examples']

const filter = (path: string) => !/[/\\]\.(wrangler|dev\.vars)$/.test(path)

/** A directory in which things can be run without touching the developer's own. */
export function projectCopy() {
  const directory = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  for (const part of PARTS) cpSync(join(root, part), join(directory, part), { recursive: true, filter })
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'), 'junction')
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }) }
}
