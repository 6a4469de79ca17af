/**
 * `npm run mutate`: changes the files that must not go wrong, one place at a time, and runs the tests that belong to them.
 * A change that no test notices survives: it is a promise that nothing holds, or an equal program.
 *
 * It works on a copy of the project. Stryker changes no SQL, and most of our rules are written in it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { command, whole } from './command.ts'
import { projectCopy } from './lab/project-copy.ts'
import { EQUAL, NAMED, TESTS } from './mutants.ts'

const program = command('mutate', 'Says which changes of the critical files no test notices.')
  .argument('[files...]', 'which of them (default: all)')
  .option('--list', 'say what would be changed, and run nothing')
  .option('--named', 'only the named changes, each of which survived once')
  .option('--sample <number>', 'take only that many changes of each file', whole(1))
  .option('--seed <number>', 'which ones a sample takes', whole(), 1)
  .parse()
const { list, named, sample, seed } = program.opts()

type Change = { file: string; at: number; length: number; to: string; what: string }

/** Each pattern with what takes its place. The formatter has put spaces around operators. */
const SWAPS: [RegExp, (found: string) => string][] = [
  [/ === | !== /g, (found) => (found === ' === ' ? ' !== ' : ' === ')],
  [/ <=? | >=? /g, (found) => (found.includes('=') ? found.replace('=', '') : found.replace(/ $/, '= '))],
  [/ && | \|\| /g, (found) => (found === ' && ' ? ' || ' : ' && ')],
  [/^ +(?:await )?[a-z][\w.!]*\(.*\)$/gm, () => ''],
  [/\b(?:true|false)\b/g, (found) => (found === 'true' ? 'false' : 'true')],
  [/\bIS NOT NULL\b|\bIS NULL\b/g, (found) => (found === 'IS NULL' ? 'IS NOT NULL' : 'IS NULL')],
  [/(?<!SELECT |[\w.?$\\#])\d[\d_]*(?![\w.])/g, (found) => otherThan(Number(found.replaceAll('_', '')))],
  [/(?<!BETWEEN .{0,40}) (?:AND|OR) (?:'[^'\n]*'|[^\n`'])+?(?= AND | OR |\n|`|'[,;)\n]|\))/g, () => ''],
]

/** A bound is moved by one, a larger number is halved. */
const otherThan = (value: number) => String(value < 10 ? value + 1 : Math.floor(value / 2))

/** The text without comments, imports and types, as long as before. */
const codeOf = (text: string) =>
  text.replaceAll(
    /\/\*[\s\S]*?\*\/|(?<=^|\s)(?:\/\/|--).*$|^import [\s\S]*? from .*$|^(?:export )?type .*$/gm,
    (found) => found.replaceAll(/[^\n]/g, ' '),
  )

function changesOf(file: string): Change[] {
  const code = codeOf(readFileSync(file, 'utf8'))
  const change = (at: number, from: string, to: string): Change => {
    const line = code.slice(0, at).split('\n').length
    const shown = [from, to].map((text) => text.trim().replaceAll(/\s+/g, ' ') || 'nothing')
    return { file, at, length: from.length, to, what: `${file}:${line}  ${shown.join('  →  ')}` }
  }
  const swaps = SWAPS.flatMap(([pattern, to]) =>
    Array.from(code.matchAll(pattern), ({ 0: found, index }) => change(index, found, to(found))),
  )
  const conditions = Array.from(code.matchAll(/(?<=\bif )\(/g), ({ index }) => {
    const condition = balanced(code, index)
    return ['(true)', '(false)'].map((to) => change(index, condition, to))
  })
  const columns = Array.from(code.matchAll(/\bSET\s+/g), ({ 0: set, index }) => {
    const end = code.slice(0, index).split('`').length % 2 === 0 ? /\bWHERE\b|\bRETURNING\b|`/ : /\bWHERE\b|'|;/
    const [clause = ''] = code.slice(index + set.length).split(end)
    return assignmentsOf(clause).map(([at, part]) => change(index + set.length + at, part, ''))
  })
  const all = [...swaps, ...conditions.flat(), ...columns.flat()].filter(({ at, length }) =>
    isBalanced(code.slice(at, at + length)),
  )
  return all.toSorted((a, b) => a.at - b.at)
}

/** From an opening bracket to the one that closes it. */
function balanced(code: string, from: number): string {
  let to = code.indexOf(')', from) + 1
  while (!isBalanced(code.slice(from, to))) to = code.indexOf(')', to) + 1
  return code.slice(from, to)
}

/** Where in a SET clause each assignment stands, with one comma, so that the others are a clause without it. */
function assignmentsOf(clause: string): [number, string][] {
  const commas = Array.from(clause.matchAll(/,/g), ({ index }) => index).filter((at) => isBalanced(clause.slice(0, at)))
  const [first] = commas
  if (first === undefined) return []
  const rest = commas.map((at, n): [number, string] => [at, clause.slice(at, commas[n + 1] ?? clause.trimEnd().length)])
  return [[0, clause.slice(0, first + 1)], ...rest]
}

const isBalanced = (text: string) => text.split('(').length === text.split(')').length

const namedChanges = (): Change[] =>
  NAMED.map(([file, from, to]) => {
    const at = readFileSync(file, 'utf8').indexOf(from)
    if (at < 0) throw new Error(`${file} has no ${from}`)
    return { file, at, length: from.length, to, what: `${file}  ${from}  →  ${to || 'nothing'}` }
  })

/** Whether some test fails, or none ends in time. */
async function isNoticed({ file, at, length, to }: Change): Promise<boolean> {
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.slice(0, at) + to + text.slice(at + length))
  try {
    return !(await pass(testsOf(file), mostMs))
  } finally {
    writeFileSync(file, text)
  }
}

/** Why no test can notice a change, where that is known. */
function whyEqual({ file, at, what }: Change): string | undefined {
  const text = readFileSync(file, 'utf8')
  const line = text.slice(text.lastIndexOf('\n', at) + 1).split('\n')[0]!
  const isIt = ([of, part, change]: (typeof EQUAL)[number]) =>
    of === file && line.includes(part) && what.includes(change)
  return EQUAL.find(isIt)?.[3]
}

const testsOf = (file: string) => Object.entries(TESTS).find(([part]) => file.startsWith(part))?.[1] ?? []

async function pass(tests: string[], mostMs: number): Promise<boolean> {
  const options = ['--project=workerd', '--bail=1', '--maxWorkers=1', '--silent', '--reporter=dot']
  const args = ['node_modules/vitest/vitest.mjs', 'run', ...options, ...tests]
  const run = spawn(process.execPath, args, { detached: true, stdio: 'ignore' })
  // A change can make a Worker hang, so that Vitest cannot end it.
  const end = setTimeout(() => run.pid !== undefined && process.kill(-run.pid, 'SIGKILL'), mostMs)
  const [status] = (await once(run, 'exit')) as [number | null]
  clearTimeout(end)
  return status === 0
}

/** Numbers from 0 to 1 that the seed decides. */
const random = (n: number) => Math.abs(Math.sin(seed * 7919 + n * 104_729) * 43_758.5453) % 1

function sampled(all: Change[]): Change[] {
  const ranked = all.map((change, n) => ({ change, rank: random(n) })).toSorted((a, b) => a.rank - b.rank)
  return ranked.slice(0, sample).map(({ change }) => change)
}

const copy = projectCopy('test', 'vitest.config.ts', 'README.md', 'docs', 'SECURITY.md')
process.on('exit', copy.remove)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
process.chdir(copy.directory)
const critical = [
  ...new Set(
    Object.keys(TESTS).flatMap((part) =>
      globSync(part.endsWith('/') ? `${part}**/*.ts` : `${part.replace(/\.ts$/, '')}.ts`),
    ),
  ),
]
const files = program.args.length > 0 ? program.args : critical
const changes = named ? namedChanges() : files.flatMap((file) => sampled(changesOf(file)))
if (list) {
  for (const { what } of changes) console.log(what)
  process.exit(0)
}
const every = [...new Set(changes.flatMap(({ file }) => testsOf(file)))]
const began = performance.now()
if (!(await pass(every, 3_600_000))) throw new Error('The tests fail without any change')
/** A change that makes tests hang is noticed: they take longer than all together did without it. */
const mostMs = 60_000 + 2 * (performance.now() - began)
const counts = { killed: 0, SURVIVED: 0, equal: 0 }
for (const change of changes) {
  const why = whyEqual(change)
  const outcome = why === undefined ? ((await isNoticed(change)) ? 'killed' : 'SURVIVED') : 'equal'
  counts[outcome] += 1
  console.log(`${outcome.padEnd(8)}  ${change.what}${why === undefined ? '' : `  (${why})`}`)
}
const { killed, SURVIVED: survived, equal } = counts
const share = ((100 * killed) / (killed + survived)).toFixed(0)
console.log(`${killed} of ${killed + survived} changes were noticed: ${share} %. ${equal} more change no outcome.`)
