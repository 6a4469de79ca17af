/**
 * JSON, read so that nothing is lost that a signature or an id needs: `JSON.parse` rounds long numbers, and it does not
 * tell that a key came twice.
 */

/**
 * The characters of a string; of any other value its JSON text, as it was written, and what `JSON.parse` makes of it.
 * From a form also a list of texts.
 */
export type Value = { text: string } | { json: string; parsed: unknown } | { list: string[] }

/** A key of an object, and its value. */
export type Field = readonly [key: string, value: Value]

/** The fields of a callback. Documented ones have their documented spelling, whatever spelling they came in. */
export type Fields = ReadonlyMap<string, Value>

/** Deeper values stay JSON text: sorting keys and `JSON.stringify` recurse, and would run out of stack. */
const DEEPEST_LEVEL = 64

/** A string without escapes: what is between the quotes is its value. */
const PLAIN_STRING = /"[^"\\\u0000-\u001f]*"/y
/** From a quote to the next that is not escaped. */
const QUOTED = /"[^"\\]*(?:\\[^][^"\\]*)*"/y
/** A number, `true`, `false` or `null`, or something else. */
const WORD = /[-+.\w]+/y

type Cursor = { readonly text: string; at: number }

/**
 * The fields of an object, in order, repeated keys too; `undefined` if the text is not a JSON object.
 * @param mostFields one field more is read; what follows it is not even checked
 */
export function fieldsOf(text: string, mostFields = Infinity): Field[] | undefined {
  const cursor = { text, at: 0 }
  const fields: Field[] = []
  if (!take(cursor, '{')) return undefined
  if (take(cursor, '}')) return isAtEnd(cursor) ? fields : undefined
  do {
    const key = takeValue(cursor)
    if (!key || !('text' in key) || !take(cursor, ':')) return undefined
    const value = takeValue(cursor)
    if (!value) return undefined
    fields.push([key.text, value])
    if (fields.length > mostFields) return fields
  } while (take(cursor, ','))
  return take(cursor, '}') && isAtEnd(cursor) ? fields : undefined
}

/** A field's value as ZEGOCLOUD signs it: a string's characters, a number's digits as written. Else `undefined`. */
export function signedText(value: Value | undefined): string | undefined {
  if (value === undefined || 'list' in value) return undefined
  if ('text' in value) return value.text
  return /^[-\d]/.test(value.json) ? value.json : undefined
}

/**
 * The value of a JSON text; `undefined` if the text is not JSON. Numbers above 2^53 become strings of their digits. A
 * value nested deeper than 64 levels becomes its own JSON text.
 */
export function parse(text: string): unknown {
  const whole = tryParse(text)
  return whole && withAllDigits(text, whole.value)
}

/** The same for a field that was read already. */
export function plainValue(value: Value): unknown {
  if ('list' in value) return value.list
  return 'text' in value ? value.text : withAllDigits(value.json, value.parsed)
}

function withAllDigits(json: string, parsed: unknown): unknown {
  const flaw = flawOf(parsed, 0)
  if (flaw === 'too deep') return json
  return flaw === 'large number' ? JSON.parse(json, keepDigits) : parsed
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a number, as written, is above 2^53, where doubles no longer tell all integers apart. */
export function isLargeNumber(source: string): boolean {
  if (source.length < 16 && !/e/i.test(source)) return false
  const value = Math.abs(Number(source))
  if (value !== 2 ** 53) return value > 2 ** 53
  // It may have been rounded to 2^53. Whatever is rounded to it has 16 digits before the point, as 2^53 has.
  const digits = source.replace(/e.*/i, '').replaceAll(/\D/g, '').replace(/^0+/, '')
  const integer = digits.slice(0, 16)
  return integer > '9007199254740992' || (integer === '9007199254740992' && /[1-9]/.test(digits.slice(16)))
}

type Flaw = 'too deep' | 'large number'

/** Why `JSON.parse` alone does not do for a value. "Too deep" is the worse flaw: it ends the search. */
function flawOf(value: unknown, level: number): Flaw | undefined {
  if (isSound(value)) return undefined
  if (typeof value !== 'object') return 'large number'
  if (level === DEEPEST_LEVEL) return 'too deep'
  let worst: Flaw | undefined
  for (const inner of Array.isArray(value) ? value : Object.values(value as object)) {
    if (isSound(inner)) continue
    const flaw = flawOf(inner, level + 1)
    if (flaw === 'too deep') return flaw
    worst ??= flaw
  }
  return worst
}

/** Whether a value needs no closer look. A number that lost digits is at least 2^53 now. */
function isSound(value: unknown): boolean {
  return typeof value === 'number' ? Math.abs(value) < 2 ** 53 : typeof value !== 'object' || value === null
}

// `context.source` is the number as it was written: in workerd, and in Node since 22.
const keepDigits = (_key: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === 'number' && context?.source && isLargeNumber(context.source) ? context.source : value

function tryParse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

function take(cursor: Cursor, character: string): boolean {
  skipSpace(cursor)
  if (cursor.text[cursor.at] !== character) return false
  cursor.at += 1
  return true
}

function isAtEnd(cursor: Cursor): boolean {
  skipSpace(cursor)
  return cursor.at === cursor.text.length
}

function skipSpace(cursor: Cursor): void {
  for (;;) {
    const code = cursor.text.charCodeAt(cursor.at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
    cursor.at += 1
  }
}

/** Finds where the value may end; `JSON.parse` then says whether it is one. */
function takeValue(cursor: Cursor): Value | undefined {
  skipSpace(cursor)
  const { text, at } = cursor
  const plainEnd = endOf(PLAIN_STRING, text, at)
  cursor.at = plainEnd < 0 ? endOfValue(text, at) : plainEnd
  if (plainEnd >= 0) return { text: text.slice(at + 1, plainEnd - 1) }
  const json = text.slice(at, Math.max(at, cursor.at))
  const whole = tryParse(json)
  if (!whole) return undefined
  return typeof whole.value === 'string' ? { text: whole.value } : { json, parsed: whole.value }
}

/** The index behind the value that begins at `start`, or -1. */
function endOfValue(text: string, start: number): number {
  if (text[start] === '{' || text[start] === '[') return endOfBrackets(text, start)
  return endOf(text[start] === '"' ? QUOTED : WORD, text, start)
}

/** The index behind the bracket that closes the one at `start`, or -1. */
function endOfBrackets(text: string, start: number): number {
  let open = 0
  for (let at = start; at < text.length; at += 1) {
    const character = text[at]
    if (character === '[' || character === '{') open += 1
    else if (character === ']' || character === '}') open -= 1
    else if (character === '"') at = endOf(QUOTED, text, at) - 1
    if (open === 0) return at + 1
    if (at < 0) return -1
  }
  return -1
}

/** The index behind the match that begins at `start`, or -1. */
function endOf(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start
  return pattern.test(text) ? pattern.lastIndex : -1
}
