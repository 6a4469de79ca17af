import * as fc from 'fast-check'

/** Any string that JavaScript can hold, lone surrogates too. */
export const anyString = fc
  .array(fc.nat({ max: 0xffff }), { maxLength: 30 })
  .map((units) => String.fromCharCode(...units))

/** Any text of Unicode, characters beyond U+FFFF too. */
export const anyText = fc.string({ unit: 'binary', maxLength: 30 })
