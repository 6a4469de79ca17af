/**
 * JSON read in two steps, because a callback is not trusted before its signature holds.
 *
 * `outline` checks a whole text against the grammar in one pass and builds nothing but the top level's keys. So numbers
 * keep their digits without a reviver over the whole text, and the depth is known before anything recurses.
 * `parse` then builds a value.
 */

/** What one pass over a JSON text tells. */
export type Outline = {
  /** The fields of a top-level object, in order, repeated keys too. Empty for any other value. */
  fields: Field[]
  /** How many levels of objects and lists. */
  depth: number
  hasLargeNumber: boolean
}

/** A key, and its value as JSON text. */
export type Field = readonly [key: string, json: string]

/** What nests deeper is kept as its JSON text: canonical JSON and `JSON.stringify` recurse. */
const DEEPEST_LEVEL = 64

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /true|false|null/y
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y

/**
 * The outline of a JSON text; `undefined` if it is not JSON.
 * @param mostFields of the top level: with one more, the rest is not read
 */
export function outline(text: string, mostFields = Infinity): Outline | undefined {
  const found: Outline = { fields: [], depth: 0, hasLargeNumber: false }
  /** The brackets that close what is open. */
  const closing: ('}' | ']')[] = []
  let key: string | undefined
  let valueStart = 0
  let at = afterSpace(text, 0)

  for (;;) {
    const first = text[at]
    let ended = true
    if (first === '{' || first === '[') {
      closing.push(first === '{' ? '}' : ']')
      found.depth = Math.max(found.depth, closing.length)
      at = afterSpace(text, at + 1)
      ended = text[at] === closing.at(-1)
    } else {
      const start = at
      at = first === '"' ? endOf(STRING, text, at) : endOfScalar(text, at)
      if (at < 0) return undefined
      if (first !== '"' && isLargeNumber(text.slice(start, at))) found.hasLargeNumber = true
    }

    // Where a value has ended, so may what holds it.
    while (ended) {
      if (key !== undefined && closing.length === 1) {
        found.fields.push([key, text.slice(valueStart, at)])
        if (found.fields.length > mostFields) return found
        key = undefined
      }
      at = afterSpace(text, at)
      if (closing.length === 0) return at === text.length ? found : undefined
      if (text[at] === closing.at(-1)) closing.pop()
      else if (text[at] === ',') ended = false
      else return undefined
      at += 1
    }

    at = afterSpace(text, at)
    if (closing.at(-1) === '}') {
      const keyEnd = endOf(STRING, text, at)
      const colon = keyEnd < 0 ? -1 : afterSpace(text, keyEnd)
      if (colon < 0 || text[colon] !== ':') return undefined
      const value = afterSpace(text, colon + 1)
      if (closing.length === 1) {
        key = JSON.parse(text.slice(at, keyEnd)) as string
        valueStart = value
      }
      at = value
    }
  }
}

/**
 * The value of a text that is JSON; `undefined` if it is not. Numbers above 2^53 become strings of their digits.
 * A value nested deeper than 64 levels is not built: it stays its own JSON text.
 */
export function parse(text: string): unknown {
  const found = outline(text)
  if (found === undefined) return undefined
  if (found.depth > DEEPEST_LEVEL) return text
  return found.hasLargeNumber ? JSON.parse(text, keepDigits) : JSON.parse(text)
}

/**
 * JSON with its keys sorted at every level: equal values have equal texts.
 * @see https://www.rfc-editor.org/rfc/rfc8785 whose order (by UTF-16 unit) and numbers these are
 */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = value as Record<string, unknown>
  const keys = Object.keys(fields)
    .filter((key) => fields[key] !== undefined)
    .toSorted()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(fields[key])}`).join(',')}}`
}

// `context.source` is the number as it was written: in workerd, and in Node since 22.
const keepDigits = (_key: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === 'number' && context?.source && isLargeNumber(context.source) ? context.source : value

/** Whether a number, as written, is above 2^53: doubles do not tell all integers there apart. */
export function isLargeNumber(source: string): boolean {
  if (source.length < 16 && !/e/i.test(source)) return false
  const value = Math.abs(Number(source))
  if (value !== 2 ** 53) return value > 2 ** 53
  // It may have been rounded to 2^53, which has 16 digits, as has all that is rounded to it.
  const digits = source.replace(/e.*/i, '').replaceAll(/\D/g, '').replace(/^0+/, '')
  const integer = digits.slice(0, 16)
  return integer > '9007199254740992' || (integer === '9007199254740992' && /[1-9]/.test(digits.slice(16)))
}

function afterSpace(text: string, start: number): number {
  let at = start
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at += 1
  }
}

/** The place behind the number, `true`, `false` or `null` that begins at `start`, or -1. */
function endOfScalar(text: string, start: number): number {
  return Math.max(endOf(NUMBER, text, start), endOf(WORD, text, start))
}

function endOf(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start
  return pattern.test(text) ? pattern.lastIndex : -1
}
