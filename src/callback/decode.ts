/**
 * A callback's body, in any of the forms ZEGOCLOUD may send it, becomes one flat list of fields.
 *
 * ZEGOCLOUD documents JSON that is "to be UrlDecoded", switches to form parameters on request, and does not document
 * its Content-Type: so the text decides, never the header. Nothing is parsed here beyond the top level's keys.
 */
import { type Field, fieldsOf, parse, type Value } from './json.ts'
import { spellings, underDocumentedNames } from './names.ts'
import type { Refusal } from './refusal.ts'

/** Documented fields have their documented spelling, whatever spelling they came in; the others have their own. */
export type Fields = ReadonlyMap<string, Value>

const MOST_FIELDS = 1_000
const TOO_MANY_FIELDS = `it has more than ${MOST_FIELDS} fields`

/** How many times one encoding may wrap another: `data=%22%257B…` has four layers. */
const MOST_LAYERS = 6

/** Percent-encoded JSON: `{` or `"`, perhaps behind a byte order mark and white space, all of it encoded. */
const PERCENT_ENCODED_JSON = /^(?:%EF%BB%BF|%20|%09|%0A|%0D|\+|\s)*%(?:7B|22)/i

export const DOCUMENTED_FIELDS: ReadonlySet<string> = new Set([
  'event',
  'appid',
  'timestamp',
  'nonce',
  'signature',
  'task_id',
  'vendor',
  'field_id',
  'snapshot_pic_list',
])

/** `file_id` is what the rest of the family calls it. */
const SPELLINGS = new Map([...spellings(DOCUMENTED_FIELDS), ['fileid', 'field_id']])

export function decode(body: string): { fields: Fields } | Extract<Refusal, { code: 'undecodable' }> {
  const fields = unwrapped(body, MOST_LAYERS)
  if (!Array.isArray(fields)) return { code: 'undecodable', why: fields }
  if (fields.length > MOST_FIELDS) return { code: 'undecodable', why: TOO_MANY_FIELDS }
  const named = underDocumentedNames(fields, SPELLINGS, isAbsent)
  if (named.has('event') || named.has('signature')) return { fields: named }
  return { code: 'undecodable', why: 'it has neither an event nor a signature' }
}

/** A field's value as ZEGOCLOUD signs it: a string's characters, a number's digits as written. Else `undefined`. */
export function textOf(value: Value | undefined): string | undefined {
  if (value === undefined) return undefined
  if ('text' in value) return value.text
  return /^[-\d]/.test(value.json) ? value.json : undefined
}

/** Percent-encoding undone, `+` for a space; `undefined` if it is broken. */
export function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** The fields in whatever encoding they are, or why there are none. */
function unwrapped(untrimmed: string, layers: number): Field[] | string {
  if (layers === 0) return `it is encoded more than ${MOST_LAYERS} times over`
  const text = untrimmed.trim() // takes a byte order mark too
  if (text.startsWith('{')) return fieldsOf(text, MOST_FIELDS) ?? 'it begins like JSON, and is not JSON'
  if (text.startsWith('"')) {
    const inner = parse(text)
    return typeof inner === 'string' ? unwrapped(inner, layers - 1) : 'it begins like a JSON string, and is none'
  }
  if (PERCENT_ENCODED_JSON.test(text)) {
    const decoded = percentDecode(text)
    const fields = decoded === undefined ? undefined : unwrapped(decoded, layers - 1)
    if (Array.isArray(fields)) return fields
  }
  if (countFormFields(text) > MOST_FIELDS) return TOO_MANY_FIELDS
  return formFieldsOf([...new URLSearchParams(text)], layers)
}

function formFieldsOf(form: [string, string][], layers: number): Field[] {
  // A client that takes the JSON for a form leaves it as the value, or as the name, of the only field.
  const only = form.length === 1 ? form[0] : undefined
  const wrapped = only?.find((part) => /^\s*[{"]/.test(part) || PERCENT_ENCODED_JSON.test(part))
  const fields = wrapped === undefined ? undefined : unwrapped(wrapped, layers - 1)
  return Array.isArray(fields) ? fields : form.map(([key, text]) => [key, { text }])
}

/** What is empty between two `&` is no field. */
function countFormFields(text: string): number {
  let count = 0
  let start = 0
  while (start < text.length) {
    const next = text.indexOf('&', start)
    const end = next < 0 ? text.length : next
    if (end > start) count += 1
    start = end + 1
  }
  return count
}

/** For these, null, "" and absence are one. */
function isAbsent(name: string, value: Value): boolean {
  if (name !== 'field_id' && name !== 'snapshot_pic_list') return false
  return 'text' in value ? value.text === '' : value.json === 'null'
}
