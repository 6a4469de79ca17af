import { globSync, readFileSync } from 'node:fs'
import { analyse } from 'scslre'
import { expect, it } from 'vitest'
import { parseSync } from 'vite'

/** Patterns over our own text, in files that read nothing else. */
const OWN_TEXT = ['src/store/schema.ts']

/** The patterns of a file, as its syntax tree has them. */
function patternsIn(file: string): RegExp[] {
  const patterns: RegExp[] = []
  JSON.stringify(parseSync(file, readFileSync(file, 'utf8')).program, (key, node: unknown) => {
    if (key !== 'regex') return node
    const { pattern, flags } = node as { pattern: string; flags: string }
    patterns.push(new RegExp(pattern, flags))
    return node
  })
  return patterns
}

const files = globSync('src/**/*.{ts,tsx,js}').filter((file) => !OWN_TEXT.includes(file))
const patterns = files.flatMap((file) => patternsIn(file).map((pattern) => ({ file, pattern })))

/**
 * A pattern backtracks more than linearly where two of its loops can share the same characters (`Trade`, `Self`), or
 * where a loop is tried again at each place of the text (`Move`).
 */
it.each(patterns)('matches in linear time, whatever a stranger sends: $pattern of $file', ({ pattern }) => {
  expect(analyse(pattern).reports.map(({ type }) => type)).toEqual([])
})

it('makes no pattern of a text, which nobody could check', () => {
  expect(files.filter((file) => /\bRegExp\(/.test(readFileSync(file, 'utf8')))).toEqual([])
})
