/** The pages that people read, and the commands in them. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')

export const pages = [
  'README.md',
  'SECURITY.md',
  ...globSync('{docs,examples}/**/*.md', { cwd: root, exclude: ['**/node_modules'] }),
]

export const read = (file: string) => readFileSync(join(root, file), 'utf8')

/** What is to be typed into a shell: a command a line, without its comment. */
export const commandsOf = (text: string) =>
  [...text.matchAll(/^```sh\n([^]*?)^```/gm)]
    .flatMap(([, block]) => block!.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.replace(/(?:^| +)#.*/, '').trim())
    .filter(Boolean)

/** The README's own command, so that it is tested as it is written there. */
export function readmeCommand(beginning: string): string {
  const command = commandsOf(read('README.md')).find((line) => line.startsWith(beginning))
  if (command === undefined) throw new Error(`README.md has no command that begins with ${beginning}`)
  return command
}
