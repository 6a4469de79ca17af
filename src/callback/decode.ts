/**
 * A body, packed or not, in any of the forms in which ZEGOCLOUD may send it, becomes one flat list of fields.
 *
 * ZEGOCLOUD documents JSON that is "to be UrlDecoded", switches to form parameters on request, and does not document
 * its Content-Type: so the bytes decide, never the header. A value inside a field stays as it is until the signature is
 * verified.
 */
import { decodeUtf8, type RawBody, ROW_LIMIT_BYTES } from './bytes.ts'
import { FIELD_SPELLINGS, underDocumentedNames } from './content.ts'
import { boundaryIn, fieldsOfForm, type Form, hasMoreFields, readForm, readMultipart } from './form.ts'
import { type Field, type Fields, fieldsOf, parse, signedText, type Value } from './json.ts'
import { Refused } from './refusal.ts'
import { type Envelope, envelopeOf } from './signature.ts'
import { percentDecode, readBody, type Text } from './text.ts'

/** What a body says, before its signature is verified. */
export type Decoded = {
  fields: Fields
  /** Whether all bytes, percent-encoded ones too, are valid in some encoding. */
  isExact: boolean
  raw: RawBody
  envelope: Envelope
}

type Found = { fields: Field[]; isExact: boolean }

const MOST_FIELDS = 1_000
const TOO_MANY_FIELDS = `it has more than ${MOST_FIELDS} fields`

/** How many times one encoding may wrap another: `data=%22%257B…` has four layers. */
const MOST_LAYERS = 6

const OPENING_BRACE = 0x7b

/** Percent-encoded JSON: `{` or `"`, perhaps behind a byte order mark and white space, all of it encoded. */
const PERCENT_ENCODED_JSON = /^(?:%EF%BB%BF|%20|%09|%0A|%0D|\+|\s)*%(?:7B|22)/i

/** Throws `Refused` if no callback can be read from the bytes. */
export async function decode(raw: RawBody): Promise<Decoded> {
  const { bytes, contentType } = raw
  // Nearly every callback is JSON in UTF-8, not packed: nothing else has to be tried.
  const usual = bytes[0] === OPENING_BRACE ? decodeUtf8(bytes) : undefined
  const text = usual === undefined ? readBody(await unpack(bytes), contentType) : { text: usual, isExact: true }
  const { fields, isExact } = decodeText(text, contentType)
  return { fields, isExact, raw, envelope: envelopeOf(fields) }
}

/**
 * Throws `Refused` if no callback can be read from the text.
 * @param contentType asked only for the charset of percent-encoded bytes that are not UTF-8
 */
export function decodeText(body: Text, contentType: string | null): Pick<Decoded, 'fields' | 'isExact'> {
  const found = readLayers(body, contentType, MOST_LAYERS)
  if (typeof found === 'string') throw undecodable(found)
  if (found.fields.length > MOST_FIELDS) throw undecodable(TOO_MANY_FIELDS)
  const fields = underDocumentedNames(found.fields, FIELD_SPELLINGS, isAbsent)
  if (!fields.has('event') && !fields.has('signature')) throw undecodable('it has neither an event nor a signature')
  return { fields, isExact: found.isExact }
}

/** The task_id of a body that nothing vouches for: for the log, and for people to find the body by. */
export function taskIdOf({ fields }: Decoded): string | undefined {
  return signedText(fields.get('task_id'))?.slice(0, SHOWN_CHARACTERS)
}

/** What is shown of an id: real ones are shorter. */
export const SHOWN_CHARACTERS = 512

function undecodable(why: string): Refused {
  return new Refused({ code: 'undecodable', why })
}

/** The unpacked bytes, or the given ones if they are not packed. */
async function unpack(bytes: Uint8Array): Promise<Uint8Array> {
  const method = packingOf(bytes)
  if (method === undefined) return bytes
  // Imported when first needed, so that start-up does not pay for it. `DecompressionStream` would unpack a bomb whole.
  const zlib = await import('node:zlib')
  try {
    return zlib[method](bytes, { maxOutputLength: ROW_LIMIT_BYTES })
  } catch (error) {
    if (error instanceof RangeError) throw new Refused({ code: 'body_too_large' })
    return bytes
  }
}

/** By the first bytes: a proxy may have dropped the header, or lie. */
function packingOf([first = 0, second = 0, third]: Uint8Array): 'gunzipSync' | 'inflateSync' | undefined {
  if (first === 0x1f && second === 0x8b && third === 8) return 'gunzipSync'
  const isZlib = (first & 0x8f) === 8 && (first * 256 + second) % 31 === 0
  return isZlib ? 'inflateSync' : undefined
}

/** The fields in whatever encoding they are, or why there are none. */
function readLayers(body: Text, contentType: string | null, layers: number): Found | string {
  if (layers === 0) return `more than ${MOST_LAYERS} encodings are wrapped around each other`
  const { isExact } = body
  const text = body.text.trim() // takes a byte order mark too
  if (text.startsWith('{')) {
    const fields = fieldsOf(text, MOST_FIELDS)
    return fields ? { fields, isExact } : 'it begins like JSON but is not valid JSON'
  }
  if (text.startsWith('"')) {
    const inner = parse(text)
    if (typeof inner !== 'string') return 'it begins like a JSON string but is not a valid one'
    return readLayers({ text: inner, isExact }, contentType, layers - 1)
  }
  const found = readPercentJson({ text, isExact }, contentType, layers)
  if (found) return found
  const form = formIn({ text, isExact }, contentType)
  return typeof form === 'string' ? form : readInForm(form, contentType, layers)
}

/** The fields of percent-encoded JSON; `undefined` if the text is nothing like it. */
function readPercentJson({ text, isExact }: Text, contentType: string | null, layers: number): Found | undefined {
  const decoded = PERCENT_ENCODED_JSON.test(text) ? percentDecode(text, contentType) : undefined
  if (decoded === undefined) return undefined
  const inner = { text: decoded.text, isExact: isExact && decoded.isExact }
  const found = readLayers(inner, contentType, layers - 1)
  return typeof found === 'string' ? undefined : found
}

function formIn({ text, isExact }: Text, contentType: string | null): Form | string {
  const boundary = boundaryIn(text)
  if (boundary !== undefined) {
    const entries = readMultipart(text, boundary, MOST_FIELDS)
    return entries
      ? { entries, isExact }
      : 'it begins like multipart/form-data but its end or the name of a part is missing'
  }
  if (hasMoreFields(text, MOST_FIELDS)) return TOO_MANY_FIELDS
  const form = readForm(text, contentType)
  return { entries: form.entries, isExact: isExact && form.isExact }
}

function readInForm({ entries, isExact }: Form, contentType: string | null, layers: number): Found {
  // A client that takes the JSON for a form leaves it as the value, or as the name, of the only field.
  const only = entries.length === 1 ? entries[0] : undefined
  const wrapped = only?.find((part) => /^\s*[{"]/.test(part) || PERCENT_ENCODED_JSON.test(part))
  const found = wrapped === undefined ? undefined : readLayers({ text: wrapped, isExact }, contentType, layers - 1)
  return typeof found === 'object' ? found : { fields: fieldsOfForm(entries), isExact }
}

/** For these, null, "" and absence are one. */
function isAbsent(name: string, value: Value): boolean {
  if (name !== 'field_id' && name !== 'snapshot_pic_list') return false
  if ('list' in value) return value.list.every((text) => text === '')
  return 'text' in value ? value.text === '' : value.json === 'null'
}
