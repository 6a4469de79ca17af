import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fieldsOf, parse } from '../../src/callback/json.ts'
import { anyString } from './bodies.ts'

/** What `JSON.parse` makes of it, if it takes it. */
function reference(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

const jsonText = fc
  .tuple(fc.jsonValue({ noUnicodeString: false, maxDepth: 4 }), fc.constantFrom('', ' ', '\t', '\n\r'))
  .map(([value, space]) => JSON.stringify(value, null, space))

const quoted = (text: string) => JSON.stringify(text)

/** The pieces that a reader of JSON tells apart, and some that only look like them. */
const PIECES = [
  ['{', '}', '[', ']', ',', ':', '"', '"a"', '"__proto__":', '""', '\\', '\\u12', '\\ud800', '\\n', '\u0000'],
  ['\u0001', '\u2028', '\uFEFF', '\u00A0', ' ', '\n', '-', '0', '01', '1', '1.', '.5', '1e', '1E+2', '-0', '+'],
  ['true', 'false', 'null', 'nul', 'undefined', 'NaN', 'Infinity', "'a'", '/**/', '{"a":1}', '[[]]'],
].flat()

const jsonLike = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join(''))

/** JSON with one character taken out, put in or replaced. */
const almostJson = fc
  .tuple(jsonText, fc.nat(), fc.nat({ max: 1 }), fc.oneof(jsonLike, fc.constant(''), anyString))
  .map(([text, place, taken, put]) => {
    const at = place % (text.length + 1)
    return text.slice(0, at) + put.slice(0, 1) + text.slice(at + taken)
  })

describe('the fields of an object', () => {
  it('are found in what JSON.parse takes for an object, and in nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(anyString, jsonText, jsonLike, almostJson), fc.boolean(), (inner, inside) => {
        const text = inside ? `{"a":${inner}}` : inner
        const value = reference(text)?.value
        const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
        expect(fieldsOf(text) !== undefined).toBe(isObject)
      }),
      { numRuns: 5_000 },
    )
  })

  it('are those that JSON.parse finds: a string its characters, anything else its JSON text', () => {
    const escapes = fc.string({ unit: fc.constantFrom('\\', '"', '\u0000', 'u12', 'a') })
    const anyKey = fc.oneof(anyString, escapes, fc.constantFrom('__proto__', 'a', ''))
    const anyJson = fc.oneof(jsonText, escapes.map(quoted))
    const members = fc.array(fc.tuple(anyKey, anyJson))
    fc.assert(
      fc.property(members, fc.constantFrom('', ' \n'), (fields, space) => {
        const text = `{${fields.map(([key, json]) => `${space}${JSON.stringify(key)}${space}:${json}${space}`).join(',')}}`
        const found = fieldsOf(text)!.map(([key, value]) => [
          key,
          'text' in value ? JSON.stringify(value.text) : 'json' in value && value.json.trim(),
        ])
        // As JSON, because a lone surrogate in a failed assertion breaks the connection to the reporter.
        expect(JSON.stringify(found)).toBe(JSON.stringify(fields))
      }),
    )
  })
})

describe('parse', () => {
  /** How numbers are written, with many of them where doubles begin to fail. */
  const numberSource = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
    fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).map(String),
    fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }).map(String),
    fc
      .tuple(
        fc.constantFrom('', '-'),
        fc.constantFrom('9007199254740991', '9007199254740992', '9007199254740993', '900719925474099'),
        fc.constantFrom('', '.0', '.00', '.5', '.50', '.0000000000000000000001', '.999999999999999'),
        fc.constantFrom('', 'e0', 'E-0', 'e+1', 'e1', 'e-1', 'e400', 'E-400'),
      )
      .map((parts) => parts.join('')),
  )

  /** Exact, where a double is not. */
  function isAbove2to53(source: string): boolean {
    const [, whole, fraction = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:e([-+]?\d+))?$/i.exec(source)!
    const digits = BigInt(whole + fraction)
    const power = Number(exponent) - fraction.length
    return power >= 0 ? digits * 10n ** BigInt(power) > 2n ** 53n : digits > 2n ** 53n * 10n ** BigInt(-power)
  }

  it('gives what JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.oneof(almostJson, jsonText, anyString), (text) => {
        fc.pre(!/\d{16}|\de/i.test(text))
        expect(JSON.stringify(parse(text))).toBe(JSON.stringify(reference(text)?.value))
      }),
    )
  })

  it('gives numbers above 2^53 as strings of what was written, wherever they are, and no others', () => {
    fc.assert(
      fc.property(fc.array(numberSource), (sources) => {
        const values = sources.map((source) => (isAbove2to53(source) ? source : Number(source)))
        expect(parse(`{"a":[${sources.join(' , ')}]}`)).toEqual({ a: values })
        for (const [at, source] of sources.entries()) expect(parse(source)).toBe(values[at])
      }),
      { numRuns: 1_000 },
    )
  })

  it('leaves digits in strings and keys alone', () => {
    const text = '{"9007199254740993":"9007199254740993","a":9007199254740993}'
    expect(parse(text)).toEqual({ '9007199254740993': '9007199254740993', a: '9007199254740993' })
  })

  it('builds 64 levels, and leaves what is deeper as its text', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
    expect(JSON.stringify(parse(nested(64)))).toBe(nested(64))
    expect(parse(nested(65))).toBe(nested(65))
    expect(parse(nested(100_000))).toBe(nested(100_000))
  })
})
