/** This project somewhere else, where things can be run and changed without touching the developer's own. */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** What a checkout holds that the Workers and the tools need; the developer's .dev.vars and local stores stay out. */
const PARTS = ['package.json', 'tsconfig.json', 'wrangler.toml', '.npmrc', 'src', 'tools', 'examples']

const filter = (path: string) => !/[/\\]\.(wrangler|dev\.vars)$/.test(path)

/** @param more parts that are needed, too */
export function projectCopy(...more: string[]) {
  const directory = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  for (const part of [...PARTS, ...more]) cpSync(join(root, part), join(directory, part), { recursive: true, filter })
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'), 'junction')
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }) }
}
