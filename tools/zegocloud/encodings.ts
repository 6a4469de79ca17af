/**
 * Every way in which a callback's fields may come over the wire: a shape, in a charset, perhaps packed.
 *
 * ZEGOCLOUD documents JSON, a form variant that its support switches on, and one sentence about UrlDecode; it documents
 * no Content-Type. The other ways are those of sibling callbacks and of common HTTP clients.
 */
import { deflateSync, gzipSync } from 'node:zlib'
import { type Charset, toBytes } from './charsets.ts'

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

/** JSON in which these keys hold bare numbers. Written by hand: a JS number would round 19 digits. */
function jsonWithNumbers(fields: Fields, keys: string[]) {
  const member = ([key, value]: [string, unknown]) => {
    const isBare = keys.includes(key) && /^(0|[1-9][0-9]*)$/.test(String(value))
    return `${JSON.stringify(key)}:${isBare ? String(value) : JSON.stringify(value)}`
  }
  return `{${Object.entries(fields).map(member).join(',')}}`
}

/** The documented fields, as the callbacks `transcode_start` and `censor_audio_v2_result` spell them. */
const SIBLING_NAMES: Record<string, string> = {
  appid: 'AppId',
  event: 'Event',
  timestamp: 'Timestamp',
  nonce: 'Nonce',
  signature: 'Signature',
  task_id: 'TaskId',
  field_id: 'FileId',
  vendor: 'Vendor',
  snapshot_pic_list: 'SnapshotPicList',
}

/** With bare numbers, as they have. */
function siblingJson(fields: Fields) {
  const renamed = Object.entries(fields).map(([key, value]) => [SIBLING_NAMES[key] ?? key, value] as const)
  return jsonWithNumbers(Object.fromEntries(renamed), ['AppId', 'Timestamp'])
}

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

function multipart(entries: Entries, isFile = false) {
  const part = ([key, text]: readonly [string, string]) => {
    const file = isFile ? `; filename="${key}.txt"\r\nContent-Type: text/plain` : ''
    return `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${key}"${file}\r\n\r\n${text}\r\n`
  }
  return `${entries.map(part).join('')}--${BOUNDARY}--\r\n`
}

/** `+` for spaces and lower-case hex, as some URL encoders write it. */
const plus = (encoded: string) =>
  encoded.replaceAll('%20', '+').replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())

const reserved = (text: string) => text.replaceAll(/[%&=+\s]/g, (character) => encodeURIComponent(character))

const MULTIPART_TYPE = `multipart/form-data; boundary=${BOUNDARY}`

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
  numbers: {
    contentType: JSON_TYPE,
    text: (fields) => jsonWithNumbers(listAsText(fields), ['appid', 'timestamp', 'nonce', 'field_id']),
  },
  'pascal-case': { contentType: JSON_TYPE, text: siblingJson },
  'list-percent': { contentType: JSON_TYPE, text: (fields, percent) => JSON.stringify(listAsText(fields, percent)) },
  'percent-json': { contentType: JSON_TYPE, text: (fields, percent) => percent(json(fields)) },
  'percent-json-plus': { contentType: 'text/plain', text: (fields, percent) => plus(percent(pretty(fields))) },
  'percent-bom': { contentType: FORM_TYPE, text: (fields, percent) => percent(`\uFEFF${json(fields)}`) },
  'percent-string': { contentType: JSON_TYPE, text: (fields, percent) => percent(JSON.stringify(json(fields))) },
  form: formWith(),
  'form-as-json-type': { ...formWith(), contentType: JSON_TYPE },
  'form-bare': { contentType: FORM_TYPE, text: (fields) => formOf(entriesOf(fields), reserved) },
  'form-one-field': { contentType: FORM_TYPE, text: (fields, percent) => `data=${percent(json(fields))}` },
  'form-json-as-key': { contentType: FORM_TYPE, text: (fields, percent) => `${percent(json(fields))}=` },
  'form-list': formWith(byPicture(() => `${LIST}[]`)),
  'form-repeated': formWith(byPicture(() => LIST)),
  'form-indices': formWith(byPicture((index) => `${LIST}[${index}]`)),
  'form-members': formWith(byMember((index, member) => `${LIST}[${index}][${member}]`)),
  'form-dots': formWith(byMember((index, member) => `${LIST}.${index}.${member}`)),
  'multipart-indices': {
    contentType: MULTIPART_TYPE,
    text: (fields) =>
      multipart(
        entriesOf(
          fields,
          byPicture((index) => `${LIST}[${index}]`),
        ),
      ),
  },
  multipart: { contentType: MULTIPART_TYPE, text: (fields) => multipart(entriesOf(fields)) },
  'multipart-files': { contentType: JSON_TYPE, text: (fields) => multipart(entriesOf(fields), true) },
} as const satisfies Record<string, Shape>
export type ShapeName = keyof typeof shapes
export const shapeNames = Object.keys(shapes) as ShapeName[]

const packers = {
  gzip: { contentEncoding: 'gzip', pack: (bytes: Uint8Array) => gzipSync(bytes) },
  deflate: { contentEncoding: 'deflate', pack: (bytes: Uint8Array) => deflateSync(bytes) },
}
export type Packing = keyof typeof packers
export const packings = Object.keys(packers) as Packing[]

/** One way to send the fields. A charset is declared in the Content-Type only if that is asked for. */
export type Manner = { shape: ShapeName; charset?: Charset; isDeclared?: boolean; packing?: Packing | undefined }

export function encodeAs(fields: Fields, { shape, charset = 'utf-8', isDeclared = false, packing }: Manner): Body {
  const { contentType, text } = shapes[shape]
  const bytes = toBytes(text(fields, percentIn(charset)), charset)
  const declared = isDeclared ? `${contentType ?? 'text/plain'}; charset=${charset}` : contentType
  if (packing === undefined) return { bytes, contentType: declared }
  const { pack, contentEncoding } = packers[packing]
  return { bytes: pack(bytes), contentType: declared, contentEncoding }
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
  gbk: { shape: 'json', charset: 'gb18030', isDeclared: true },
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
