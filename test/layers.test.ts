import { expect, it } from 'vitest'

const sources = import.meta.glob<string>('../src/**/*.{ts,tsx}', { query: '?raw', import: 'default', eager: true })

/** Each may import what stands above it, and its own folder. */
const LAYERS = [
  ['event.ts', 'log.ts', 'deadline.ts', 'text.d.ts'],
  ['callback'],
  ['settings.ts'],
  ['token.ts'],
  ['store'],
  ['publish'],
  ['zego'],
  ['intake'],
  ['receive.ts'],
  ['quarantine'],
  ['operate.ts', 'alert.ts'],
  ['jobs.ts'],
  ['http'],
  ['dashboard'],
  ['app.ts'],
  ['worker.ts'],
]

/** The first folder, or the file, of a path below src. */
const partOf = (path: string) => path.split('/')[0]!
const layerOf = (path: string) => LAYERS.findIndex((parts) => parts.includes(partOf(path)))

const files = Object.entries(sources).map(([path, text]) => {
  const name = path.replace('../src/', '')
  const imports = Array.from(text.matchAll(/(?:from|import) '([^']+)'/g), ([, what]) => what!)
  const own = imports
    .filter((what) => what.startsWith('.'))
    .map((what) => new URL(what, `file:///${name}`).pathname.slice(1))
  return { name, text, own, foreign: imports.filter((what) => !what.startsWith('.')) }
})

it('knows where every file belongs', () => {
  expect(files.filter(({ name }) => layerOf(name) < 0).map(({ name }) => name)).toEqual([])
})

it('lets imports run one way', () => {
  const wrong = files.flatMap(({ name, own }) =>
    own
      .filter((what) => partOf(what) !== partOf(name) && layerOf(what) >= layerOf(name))
      .map((what) => `${name} imports ${what}`),
  )
  expect(wrong).toEqual([])
})

it('lets no import lead back to its own file', () => {
  const left = new Map(files.map(({ name, own }) => [name, own.filter((what) => /\.tsx?$/.test(what))]))
  const isDone = (name: string) => !left.has(name)
  for (let ready: string[]; (ready = [...left.keys()].filter((name) => left.get(name)!.every(isDone))).length > 0;) {
    for (const name of ready) left.delete(name)
  }
  expect([...left.keys()]).toEqual([])
})

it('keeps callback/ pure: no framework, no binding, no clock', () => {
  for (const { name, text, foreign } of files.filter(({ name: file }) => partOf(file) === 'callback')) {
    expect(foreign, name).toEqual([])
    expect(text, name).not.toMatch(/Date\.now|new Date\(\)|\benv\b|console\./)
  }
})

it('takes the smaller Hono, which starts sooner', () => {
  for (const { name, text } of files) expect(text, name).not.toMatch(/import \{[^}]*\} from 'hono'/)
})

it('keeps the file for consumers to zod alone', () => {
  const [event] = files.filter(({ name }) => name === 'event.ts')
  expect([event?.own, event?.foreign]).toEqual([[], ['zod/mini']])
})

it('keeps SQL in store/', () => {
  const sql = /\b(?:SELECT|INSERT (?:OR|INTO)|UPDATE \w+ SET|DELETE FROM)\b/
  expect(files.filter(({ name, text }) => partOf(name) !== 'store' && sql.test(text)).map(({ name }) => name)).toEqual(
    [],
  )
})

it('lets no file of store/ export SQL, rows or a value that changes: verbs and types', () => {
  const inside = /^export (?:let|type Row|const \w+ = (?:\([^)]*\)[^=]*=>\s*)?`)/m
  expect(
    files.filter(({ name, text }) => partOf(name) === 'store' && inside.test(text)).map(({ name }) => name),
  ).toEqual([])
})
