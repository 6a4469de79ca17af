/**
 * A callback's text, in any of the forms in which ZEGOCLOUD may send it, becomes one flat list of fields.
 *
 * ZEGOCLOUD documents JSON that is "to be UrlDecoded", switches to form parameters on request, and does not document
 * its Content-Type: so the text decides, never the header. A value inside a field stays as it is until the signature
 * is verified.
 */
import { boundaryIn, countFormFields, fieldsOfForm, type Form, readForm, readMultipart } from './form.ts'
import { type Field, fieldsOf, parse, type Value } from './json.ts'
import { FIELD_SPELLINGS, underDocumentedNames } from './names.ts'
import type { Refusal } from './refusal.ts'
import { percentDecode, type Text } from './text.ts'

/** Documented fields have their documented spelling, whatever spelling they came in; the others have their own. */
export type Fields = ReadonlyMap<string, Value>

/** `fits` as in `Text`: whether all bytes, percent-encoded ones too, are valid in some encoding. */
export type Named = { fields: Fields; fits: boolean }

type Found = { fields: Field[]; fits: boolean }

const MOST_FIELDS = 1_000
const TOO_MANY_FIELDS = `it has more than ${MOST_FIELDS} fields`

/** How many times one encoding may wrap another: `data=%22%257B…` has four layers. */
const MOST_LAYERS = 6

/** Percent-encoded JSON: `{` or `"`, perhaps behind a byte order mark and white space, all of it encoded. */
const PERCENT_ENCODED_JSON = /^(?:%EF%BB%BF|%20|%09|%0A|%0D|\+|\s)*%(?:7B|22)/i

/** @param contentType asked only for the charset of percent-encoded bytes that are not UTF-8 */
export function decode(body: Text, contentType: string | null): Named | Extract<Refusal, { code: 'undecodable' }> {
  const found = unwrapped(body, contentType, MOST_LAYERS)
  if (typeof found === 'string') return { code: 'undecodable', why: found }
  if (found.fields.length > MOST_FIELDS) return { code: 'undecodable', why: TOO_MANY_FIELDS }
  const fields = underDocumentedNames(found.fields, FIELD_SPELLINGS, isAbsent)
  if (fields.has('event') || fields.has('signature')) return { fields, fits: found.fits }
  return { code: 'undecodable', why: 'it has neither an event nor a signature' }
}

/** A field's value as ZEGOCLOUD signs it: a string's characters, a number's digits as written. Else `undefined`. */
export function textOf(value: Value | undefined): string | undefined {
  if (value === undefined || 'list' in value) return undefined
  if ('text' in value) return value.text
  return /^[-\d]/.test(value.json) ? value.json : undefined
}

/** The fields in whatever encoding they are, or why there are none. */
function unwrapped(body: Text, contentType: string | null, layers: number): Found | string {
  if (layers === 0) return `more than ${MOST_LAYERS} encodings are wrapped around each other`
  const { fits } = body
  const text = body.text.trim() // takes a byte order mark too
  if (text.startsWith('{')) {
    const fields = fieldsOf(text, MOST_FIELDS)
    return fields ? { fields, fits } : 'it begins like JSON but is not valid JSON'
  }
  if (text.startsWith('"')) {
    const inner = parse(text)
    if (typeof inner !== 'string') return 'it begins like a JSON string but is not a valid one'
    return unwrapped({ text: inner, fits }, contentType, layers - 1)
  }
  const found = insidePercent({ text, fits }, contentType, layers)
  if (found) return found
  const form = formIn({ text, fits }, contentType)
  return typeof form === 'string' ? form : insideForm(form, contentType, layers)
}

/** The fields of percent-encoded JSON; `undefined` if the text is nothing like it. */
function insidePercent({ text, fits }: Text, contentType: string | null, layers: number): Found | undefined {
  const decoded = PERCENT_ENCODED_JSON.test(text) ? percentDecode(text, contentType) : undefined
  if (decoded === undefined) return undefined
  const found = unwrapped({ text: decoded.text, fits: fits && decoded.fits }, contentType, layers - 1)
  return typeof found === 'string' ? undefined : found
}

function formIn({ text, fits }: Text, contentType: string | null): Form | string {
  const boundary = boundaryIn(text)
  if (boundary !== undefined) {
    const entries = readMultipart(text, boundary, MOST_FIELDS)
    return entries
      ? { entries, fits }
      : 'it begins like multipart/form-data but its end or the name of a part is missing'
  }
  if (countFormFields(text) > MOST_FIELDS) return TOO_MANY_FIELDS
  const form = readForm(text, contentType)
  return { entries: form.entries, fits: fits && form.fits }
}

function insideForm({ entries, fits }: Form, contentType: string | null, layers: number): Found {
  // A client that takes the JSON for a form leaves it as the value, or as the name, of the only field.
  const only = entries.length === 1 ? entries[0] : undefined
  const wrapped = only?.find((part) => /^\s*[{"]/.test(part) || PERCENT_ENCODED_JSON.test(part))
  const found = wrapped === undefined ? undefined : unwrapped({ text: wrapped, fits }, contentType, layers - 1)
  return typeof found === 'object' ? found : { fields: fieldsOfForm(entries), fits }
}

/** For these, null, "" and absence are one. */
function isAbsent(name: string, value: Value): boolean {
  if (name !== 'field_id' && name !== 'snapshot_pic_list') return false
  if ('list' in value) return value.list.every((text) => text === '')
  return 'text' in value ? value.text === '' : value.json === 'null'
}
