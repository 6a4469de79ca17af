/**
 * JSON read in two steps, because a callback is not trusted before its signature holds.
 *
 * `fieldsOf` checks a whole text against the grammar in one pass, and builds nothing but the top level: so a field
 * keeps its digits, and what nobody signed costs little. `parse` then builds a value.
 */

/** The characters of a string; of any other value its JSON text, as it was written. */
export type Value = { text: string } | { json: string }

/** A key of an object, and what it holds. */
export type Field = readonly [key: string, value: Value]

/** What nests deeper is kept as its JSON text: sorting its keys, and `JSON.stringify`, recurse. */
const DEEPEST_LEVEL = 64

const PLAIN_STRING = /^"[^"\\\u0000-\u001f]*"$/
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /true|false|null/y
/** Up to its closing quote; what is between may be wrong. */
const QUOTED = /"[^"\\]*(?:\\[^][^"\\]*)*"/y
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y

/**
 * The fields of an object, in order, repeated keys too; `undefined` if the text is not JSON, or no object.
 * @param mostFields with one more, the rest is not read
 */
export function fieldsOf(text: string, mostFields = Infinity): Field[] | undefined {
  const fields: Field[] = []
  let at = afterSpace(text, 0)
  if (text[at] !== '{') return undefined
  at = afterSpace(text, at + 1)
  let ended = text[at] === '}'
  while (!ended) {
    const keyEnd = endOf(QUOTED, text, at)
    if (keyEnd < 0) return undefined
    const key = valueIn(text.slice(at, keyEnd))
    at = afterSpace(text, keyEnd)
    if (key === undefined || !('text' in key) || text[at] !== ':') return undefined
    at = afterSpace(text, at + 1)
    const valueEnd = text[at] === '"' ? endOf(QUOTED, text, at) : endOfValue(text, at)
    if (valueEnd < 0) return undefined
    const value = valueIn(text.slice(at, valueEnd))
    if (value === undefined) return undefined
    fields.push([key.text, value])
    if (fields.length > mostFields) return fields
    at = afterSpace(text, valueEnd)
    ended = text[at] === '}'
    if (!ended && text[at] !== ',') return undefined
    if (!ended) at = afterSpace(text, at + 1)
  }
  return afterSpace(text, at + 1) === text.length ? fields : undefined
}

/** @param json whose end was found; what is between the quotes of a string is checked here, by reading it */
function valueIn(json: string): Value | undefined {
  if (!json.startsWith('"')) return { json }
  if (PLAIN_STRING.test(json)) return { text: json.slice(1, -1) }
  const string = parsed(json)
  return string && { text: string.value as string }
}

/**
 * The value of a text that is JSON; `undefined` if it is not. Numbers above 2^53 become strings of their digits.
 * A value nested deeper than 64 levels is not built: it stays its own JSON text.
 */
export function parse(text: string): unknown {
  const whole = parsed(text)
  if (whole === undefined) return undefined
  const flaw = flawOf(whole.value, 0)
  if (flaw === 'too deep') return text
  return flaw === 'large number' ? JSON.parse(text, keepDigits) : whole.value
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

type Flaw = 'too deep' | 'large number'

/** Why a value is not to be had as `JSON.parse` builds it. */
function flawOf(value: unknown, level: number): Flaw | undefined {
  if (isSound(value)) return undefined
  if (typeof value !== 'object') return 'large number'
  if (level === DEEPEST_LEVEL) return 'too deep'
  if (Array.isArray(value)) return worstOf(value, level + 1)
  let worst: Flaw | undefined
  // `Object.values` would build a list for each of thousands; what was parsed inherits nothing that `in` would find.
  for (const key in value) {
    const inner = (value as Record<string, unknown>)[key]
    if (!isSound(inner)) worst = worse(worst, flawOf(inner, level + 1))
  }
  return worst
}

/** Of a list or an object, that is not known yet. A number that lost digits is at least 2^53 now. */
function isSound(value: unknown): boolean {
  return typeof value === 'number' ? Math.abs(value) < 2 ** 53 : typeof value !== 'object' || value === null
}

function worstOf(list: readonly unknown[], level: number): Flaw | undefined {
  let worst: Flaw | undefined
  for (const item of list) worst = worse(worst, flawOf(item, level))
  return worst
}

const worse = (one: Flaw | undefined, other: Flaw | undefined) => (one === 'too deep' ? one : (other ?? one))

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

/** The value that JSON.parse builds, if it builds one. */
function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

function afterSpace(text: string, start: number): number {
  let at = start
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at += 1
  }
}

/** The place behind the value that begins at `start`, or -1. Builds nothing, however large and deep it is. */
function endOfValue(text: string, start: number): number {
  /** The brackets that close what is open. */
  const closing: ('}' | ']')[] = []
  let at = start
  for (;;) {
    const first = text[at]
    let ended = true
    if (first === '{' || first === '[') {
      closing.push(first === '{' ? '}' : ']')
      at = afterSpace(text, at + 1)
      ended = text[at] === closing.at(-1)
    } else {
      at = first === '"' ? endOf(STRING, text, at) : endOfScalar(text, at)
      if (at < 0) return -1
    }
    // Where a value has ended, so may what holds it.
    while (ended) {
      if (closing.length === 0) return at
      at = afterSpace(text, at)
      if (text[at] === closing.at(-1)) closing.pop()
      else if (text[at] === ',') ended = false
      else return -1
      at += 1
    }
    at = afterSpace(text, at)
    if (closing.at(-1) === '}') {
      const keyEnd = endOf(STRING, text, at)
      const colon = keyEnd < 0 ? -1 : afterSpace(text, keyEnd)
      if (colon < 0 || text[colon] !== ':') return -1
      at = afterSpace(text, colon + 1)
    }
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
