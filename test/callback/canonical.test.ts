import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonical } from '../../src/callback/canonical.ts'

describe('canonical JSON', () => {
  it('is JSON of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false, maxDepth: 4 }), (value) => {
        expect(JSON.parse(canonical(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('does not depend on the order of keys, at any level', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed)
      if (typeof value !== 'object' || value === null) return value
      const entries = Object.entries(value).map(([key, inner]) => [key, reversed(inner)])
      return Object.fromEntries(entries.toReversed())
    }
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(canonical(reversed(value))).toBe(canonical(value))
      }),
    )
  })

  it('is the same for a list as for its items, whatever their keys', () => {
    const keys = fc.constantFrom(
      'url',
      'offset',
      '1',
      '01',
      '',
      '__proto__',
      'constructor',
      'toString',
      'toJSON',
      '\ud83d\ude00',
    )
    const flat = fc.array(fc.tuple(keys, fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null))))
    fc.assert(
      fc.property(fc.array(flat.map((fields) => Object.fromEntries(fields))), (list) => {
        expect(canonical(list)).toBe(`[${list.map(canonical).join(',')}]`)
      }),
      { numRuns: 1_000 },
    )
  })

  it('is the same for many keys as for few', () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`key ${n}`, n]))
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        expect(canonical([value, many])).toBe(`[${canonical(value)},${canonical(many)}]`)
      }),
    )
  })

  it('holds __proto__ where it is a key, and only there', () => {
    const value = JSON.parse('[{"b":1,"__proto__":{"a":2}},{"b":3}]') as unknown
    expect(canonical(value)).toBe('[{"__proto__":{"a":2},"b":1},{"b":3}]')
  })

  it('differs where the values differ', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        fc.pre(!isSame(one, other))
        expect(canonical(one)).not.toBe(canonical(other))
      }),
    )
  })

  it('sorts keys by UTF-16 unit, as RFC 8785 does, and leaves out what is undefined', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, none: undefined }
    expect(canonical(value)).toBe('{"\\r":2,"1":4,"\u0080":6,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}')
  })
})

function isSame(one: unknown, other: unknown): boolean {
  try {
    expect(JSON.parse(JSON.stringify(one))).toEqual(JSON.parse(JSON.stringify(other)))
    return true
  } catch {
    return false
  }
}
