/**
 * Every way in which a callback's fields may come over the wire: a shape, in a charset, perhaps packed.
 *
 * ZEGOCLOUD documents JSON, a form variant that its support switches on, and one sentence about UrlDecode; it documents
 * no Content-Type. The other ways are those of sibling callbacks and of common HTTP clients.
 */
import { deflateSync, gzipSync } from 'node:zlib'
import iconv from 'iconv-lite'

/** A request body. Bytes, not text: `fetch` gives text a Content-Type of its own. */
export type Body = { bytes: Uint8Array; contentType: string | null; contentEncoding?: string | undefined }

/** Decoded fields: texts, and `snapshot_pic_list` as an array, or as its JSON. A callback of any event will do. */
export type Fields = Readonly<Record<string, unknown>>

/** Percent-encodes a text in the charset of the body. */
type Percent = (text: string) => string

type Shape = { contentType: string | null; text: (fields: Fields, percent: Percent) => string }

const LIST = 'snapshot_pic_list'
const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'
const BOUNDARY = '------------------------d74496d66958873e' // as curl makes it

/** As the documentation shows it: the list is a JSON string inside the JSON, here perhaps encoded once more. */
function listAsText(fields: Fields, encodeList = (list: string) => list): Fields {
  const list = fields[LIST]
  if (list === undefined) return fields
  return { ...fields, [LIST]: encodeList(typeof list === 'string' ? list : JSON.stringify(list)) }
}

function picturesIn(fields: Fields): Fields[] {
  const list = fields[LIST] ?? []
  return (typeof list === 'string' ? JSON.parse(list || '[]') : list) as Fields[]
}

const json = (fields: Fields) => JSON.stringify(listAsText(fields))
const pretty = (fields: Fields) => JSON.stringify(listAsText(fields), null, 1)

type Entries = (readonly [key: string, text: string])[]

const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

/** The fields as a form has them, with the list as one field or as several. */
function entriesOf(fields: Fields, entriesOfList?: (pictures: Fields[]) => Entries): Entries {
  const whole = entriesOfList === undefined ? listAsText(fields) : { ...fields, [LIST]: undefined }
  const entries = Object.entries(whole).filter(([, value]) => value !== undefined)
  return [
    ...entries.map(([key, value]) => [key, textOf(value)] as const),
    ...(entriesOfList?.(picturesIn(fields)) ?? []),
  ]
}

const formOf = (entries: Entries, percent: Percent) =>
  entries.map(([key, text]) => `${percent(key)}=${percent(text)}`.replaceAll('%20', '+')).join('&')

/** One field a picture, its key made of the picture's index. */
const byPicture = (keyOf: (index: number) => string) => (pictures: Fields[]) =>
  pictures.map((picture, index) => [keyOf(index), JSON.stringify(picture)] as const)

/** One field for each member of a picture. */
const byMember = (keyOf: (index: number, member: string) => string) => (pictures: Fields[]) =>
  pictures.flatMap((picture, index) =>
    Object.entries(picture)
      .filter(([, value]) => value !== null && value !== undefined) // a form has no null
      .map(([member, value]) => [keyOf(index, member), textOf(value)] as const),
  )

const formWith = (entriesOfList?: (pictures: Fields[]) => Entries): Shape => ({
  contentType: FORM_TYPE,
  text: (fields, percent) => formOf(entriesOf(fields, entriesOfList), percent),
})

function multipart(entries: Entries) {
  const part = ([key, text]: readonly [string, string]) =>
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${text}\r\n`
  return `${entries.map(part).join('')}--${BOUNDARY}--\r\n`
}

/** `+` for spaces and lower-case hex, as some URL encoders write it. */
const plus = (encoded: string) =>
  encoded.replaceAll('%20', '+').replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())

export const shapes = {
  json: { contentType: JSON_TYPE, text: json },
  'pretty-bom': { contentType: JSON_TYPE, text: (fields) => `\uFEFF${pretty(fields)}\r\n` },
  'json-array': {
    contentType: JSON_TYPE,
    text: (fields) => JSON.stringify(fields[LIST] === undefined ? fields : { ...fields, [LIST]: picturesIn(fields) }),
  },
  'json-as-form-type': { contentType: FORM_TYPE, text: json },
  'json-no-type': { contentType: null, text: json },
  'json-string': { contentType: JSON_TYPE, text: (fields) => JSON.stringify(json(fields)) },
  'list-percent': { contentType: JSON_TYPE, text: (fields, percent) => JSON.stringify(listAsText(fields, percent)) },
  'percent-json': { contentType: JSON_TYPE, text: (fields, percent) => percent(json(fields)) },
  'percent-json-plus': { contentType: 'text/plain', text: (fields, percent) => plus(percent(pretty(fields))) },
  form: formWith(),
  'form-as-json-type': { ...formWith(), contentType: JSON_TYPE },
  'form-one-field': { contentType: FORM_TYPE, text: (fields, percent) => `data=${percent(json(fields))}` },
  'form-json-as-key': { contentType: FORM_TYPE, text: (fields, percent) => `${percent(json(fields))}=` },
  'form-list': formWith(byPicture(() => `${LIST}[]`)),
  'form-repeated': formWith(byPicture(() => LIST)),
  'form-indices': formWith(byPicture((index) => `${LIST}[${index}]`)),
  'form-members': formWith(byMember((index, member) => `${LIST}[${index}][${member}]`)),
  'form-dots': formWith(byMember((index, member) => `${LIST}.${index}.${member}`)),
  multipart: {
    contentType: `multipart/form-data; boundary=${BOUNDARY}`,
    text: (fields) => multipart(entriesOf(fields)),
  },
} as const satisfies Record<string, Shape>
export type ShapeName = keyof typeof shapes
export const shapeNames = Object.keys(shapes) as ShapeName[]

export const charsets = ['utf-8', 'gb18030', 'utf-16le', 'utf-16be'] as const
export type Charset = (typeof charsets)[number]

/** Platforms encode only UTF-8. UTF-16 begins with a byte order mark: without one it is not announced. */
export function toBytes(text: string, charset: Charset): Uint8Array {
  return new Uint8Array(iconv.encode(text, charset, { addBOM: charset.startsWith('utf-16') }))
}

const packers = { gzip: gzipSync, deflate: deflateSync }
export type Packing = keyof typeof packers
export const packings = Object.keys(packers) as Packing[]

/** One way to send the fields. */
export type Manner = { shape: ShapeName; charset?: Charset; packing?: Packing | undefined }

export function encodeAs(fields: Fields, { shape, charset = 'utf-8', packing }: Manner): Body {
  const { contentType, text } = shapes[shape]
  const bytes = toBytes(text(fields, percentIn(charset)), charset)
  return packing === undefined
    ? { bytes, contentType }
    : { bytes: packers[packing](bytes), contentType, contentEncoding: packing }
}

/** In UTF-16 nobody percent-encodes. Elsewhere, as PHP does, each byte that is not an unreserved ASCII character. */
function percentIn(charset: Charset): Percent {
  if (charset !== 'gb18030') return encodeURIComponent
  const escape = (byte: number) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  const encodeByte = (byte: number) =>
    /[\w.~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : escape(byte)
  return (text) => Array.from(toBytes(text, charset), encodeByte).join('')
}

const variants = {
  gzip: { shape: 'json', packing: 'gzip' },
  deflate: { shape: 'form', packing: 'deflate' },
  gbk: { shape: 'json', charset: 'gb18030' },
  'gbk-form': { shape: 'form', charset: 'gb18030' },
  'utf-16': { shape: 'json', charset: 'utf-16le' },
} as const satisfies Record<string, Manner>

/** Every shape in UTF-8, and the other charsets and packings once or twice. */
export type Encoding = ShapeName | keyof typeof variants
export const encodings = [...shapeNames, ...(Object.keys(variants) as (keyof typeof variants)[])]

export function encode(fields: Fields, encoding: Encoding): Body {
  return encodeAs(
    fields,
    encoding in variants ? variants[encoding as keyof typeof variants] : { shape: encoding as ShapeName },
  )
}

/** The headers that describe it. */
export function headersOf({ contentType, contentEncoding }: Omit<Body, 'bytes'>): Record<string, string> {
  return {
    ...(contentType !== null && { 'content-type': contentType }),
    ...(contentEncoding !== undefined && { 'content-encoding': contentEncoding }),
  }
}
