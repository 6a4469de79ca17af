import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inOrder } from '../../src/callback/content.ts'

const key = fc.oneof(fc.string(), fc.constantFrom('1', '01', '', '__proto__', 'constructor', 'toJSON', '\ud83d\ude00'))
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, 0, -1.5, 'a'),
    fc.string(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((fields) => Object.fromEntries(fields)),
  ),
}))

const textOf = (value: unknown) => JSON.stringify(inOrder(value))

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, inner]) => [name, reversed(inner)] as const)
      .toReversed(),
  )
}

describe('a value in order', () => {
  it('is the same value', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(JSON.parse(textOf(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('does not depend on the order of keys, at any level', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(textOf(reversed(value))).toBe(textOf(value))
      }),
    )
  })

  it('has its keys sorted by UTF-16 unit, those that are whole numbers first', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '10': 4, '9': 5, '\ud83d\ude00': 6, '\u0080': 7 }
    expect(textOf([value])).toBe('[{"9":5,"10":4,"\\r":2,"\u0080":7,"\u20ac":1,"\ud83d\ude00":6,"\ufb33":3}]')
  })

  it('holds __proto__ where it is a key, and only there', () => {
    const value = JSON.parse('[{"b":1,"__proto__":{"c":3,"a":2}},{"b":3}]') as unknown
    expect(textOf(value)).toBe('[{"__proto__":{"a":2,"c":3},"b":1},{"b":3}]')
  })
})
