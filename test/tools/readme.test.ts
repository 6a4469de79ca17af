/** What the pages say exists: links, anchors, commands, files, tests. */
import { existsSync, globSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { commandsOf, pages, read, root } from '../readme.ts'

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
const files = globSync(['*.*', '.ci/*', '{src,test,tools,docs,examples}/**/*'], {
  cwd: root,
  exclude: ['**/node_modules', '**/.wrangler'],
})

const withoutBlocks = (text: string) => text.replace(/^ *```[^]*?^ *```/gm, '')
const inlineCodeOf = (text: string) => [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!)
const linksOf = (text: string) =>
  [
    ...withoutBlocks(text)
      .replace(/`[^`\n]+`/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, target]) => target!)

/** As GitHub makes them of headings. */
const anchorsOf = (text: string) =>
  [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

const isDead = (page: string, target: string) => {
  const [path, anchor] = target.split('#')
  const file = path ? normalize(join(dirname(page), path)) : page
  if (!existsSync(join(root, file))) return true
  return anchor !== undefined && !anchorsOf(read(file)).includes(anchor)
}

test.each(pages)('%s: every link and anchor leads somewhere', (page) => {
  const links = linksOf(read(page)).filter((target) => !/^https?:/.test(target))
  expect(links.filter((target) => isDead(page, target))).toEqual([])
})

test.each(pages)('%s: every script and every file in a command exists', (page) => {
  const text = read(page)
  const commands = [...commandsOf(text), ...inlineCodeOf(text)].flatMap((line) => line.split(/ && | \| /))
  const unknown = commands.filter((command) => {
    const [, script] = /^npm (?:run (?:-s )?)?(\S+)/.exec(command) ?? []
    if (script !== undefined) return !/^(?:ci|install|run)$/.test(script) && !(script in scripts)
    const path = /^(?:npx wrangler|node) .*?([\w.-]+\/[\w./-]+\.(?:toml|ts|js))\b/.exec(command)?.[1]
    return path !== undefined && !existsSync(join(root, path))
  })
  expect(unknown).toEqual([])
})

test.each(pages)('%s: every file that it names exists', (page) => {
  const named = inlineCodeOf(read(page)).filter((code) =>
    /^(?:(?:src|test|tools|docs|examples|\.ci)\/(?!.*\.dev\.vars)[\w./-]*|[\w./-]+\.(?:ts|tsx|md|toml|sql))$/.test(
      code,
    ),
  )
  const isThere = (name: string) => {
    const path = name.replace(/\/$/, '')
    return existsSync(join(root, path)) || files.some((file) => file.endsWith(`/${path}`))
  }
  expect(named.filter((name) => !isThere(name))).toEqual([])
})

test('what the code says of a page or of its section is there', () => {
  const sources = files.filter((file) => /^(?:src|tools|examples)\/.*\.(?:ts|tsx|js|toml)$|^wrangler\.toml$/.test(file))
  const mentions = sources.flatMap((file) => [
    ...read(file).matchAll(/((?:docs\/[\w-]+|README|SECURITY)\.md)(?:, \\?"([^"\\]+))?/g),
  ])
  expect(mentions.length).toBeGreaterThan(3)
  const missing = mentions.filter(([, page, section]) => {
    if (!existsSync(join(root, page!))) return true
    return section !== undefined && !new RegExp(`^#+ ${section}$`, 'm').test(read(page!))
  })
  expect(missing.map(([mention]) => mention)).toEqual([])
})

/** `npm test` is what runs this; test/e2e/start.test.ts runs the others. */
test('the commands of the README that need no account are those that CI runs', () => {
  const needsAccount = /^git clone|<your host>|--remote|^npm run deploy|^npx wrangler (?:login|deploy|secret)/
  expect(commandsOf(read('README.md')).filter((command) => !needsAccount.test(command))).toEqual([
    'npm ci && npm start',
    'npm run simulate',
    'curl -H "authorization: Bearer dev-token" http://127.0.0.1:8787/v1/snapshots/<task_id>',
    'npx wrangler kv key get <task_id> --binding RESULTS --local',
    'npm ci && npm test',
  ])
  expect(read('.ci/run')).toMatch(/^npm ci .*[^]*npm test /m)
})
