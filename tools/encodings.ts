/**
 * Every way in which a callback's fields may come over the wire.
 *
 * ZEGOCLOUD documents JSON, a form variant that its support switches on, and one sentence about UrlDecode; it documents
 * no Content-Type. The other spellings are those of sibling callbacks and of common HTTP clients.
 */

/** A request body. Bytes, not text: `fetch` gives text a Content-Type of its own. */
export type Body = { bytes: Uint8Array; contentType: string | null }

/** Decoded fields: texts, and `snapshot_pic_list` as an array. A callback of any event will do. */
export type Fields = Readonly<Record<string, unknown>>

const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'

/** As the documentation shows it: the list is a JSON string inside the JSON, here perhaps encoded once more. */
function listAsText(fields: Fields, encodeList = (list: string) => list): Fields {
  const list = fields['snapshot_pic_list']
  return list === undefined ? fields : { ...fields, snapshot_pic_list: encodeList(JSON.stringify(list)) }
}

const json = (fields: Fields) => JSON.stringify(listAsText(fields))
const pretty = (fields: Fields) => JSON.stringify(listAsText(fields), null, 1)

/** JSON in which these keys hold bare numbers. Written by hand: a JS number would round 19 digits. */
function jsonWithNumbers(fields: Fields, keys: string[]) {
  const member = ([key, value]: [string, unknown]) => {
    const bare = keys.includes(key) && /^(0|[1-9][0-9]*)$/.test(String(value))
    return `${JSON.stringify(key)}:${bare ? String(value) : JSON.stringify(value)}`
  }
  return `{${Object.entries(fields).map(member).join(',')}}`
}

const pascalCase = (key: string) => key.replace(/(?:^|_)([a-z])/g, (_match, letter: string) => letter.toUpperCase())

/** PascalCase keys and bare numbers, as the callbacks `transcode_start` and `censor_audio_v2_result` have them. */
function siblingJson(fields: Fields) {
  const names: Record<string, string> = { appid: 'AppId', field_id: 'FileId' }
  const renamed: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) renamed[names[key] ?? pascalCase(key)] = value
  return jsonWithNumbers(renamed, ['AppId', 'Timestamp'])
}

function form(fields: Fields) {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(listAsText(fields))) {
    params.append(key, typeof value === 'string' ? value : JSON.stringify(value))
  }
  return params.toString()
}

/** `+` for spaces and lower-case hex, as some URL encoders write it. */
const percentPlus = (text: string) =>
  encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())

type Encoder = { contentType: string | null; text: (fields: Fields) => string }

export const encodings = [
  'json',
  'pretty-bom',
  'json-array',
  'json-as-form-type',
  'json-no-type',
  'json-string',
  'numbers',
  'pascal-case',
  'list-percent',
  'percent-json',
  'percent-json-plus',
  'percent-bom',
  'percent-string',
  'form',
  'form-as-json-type',
  'form-one-field',
  'form-json-as-key',
] as const
export type Encoding = (typeof encodings)[number]

const encoders: Record<Encoding, Encoder> = {
  json: { contentType: JSON_TYPE, text: json },
  'pretty-bom': { contentType: 'application/json; charset=utf-8', text: (fields) => `\uFEFF${pretty(fields)}\r\n` },
  'json-array': { contentType: JSON_TYPE, text: (fields) => JSON.stringify(fields) },
  'json-as-form-type': { contentType: FORM_TYPE, text: json },
  'json-no-type': { contentType: null, text: json },
  'json-string': { contentType: JSON_TYPE, text: (fields) => JSON.stringify(json(fields)) },
  numbers: {
    contentType: JSON_TYPE,
    text: (fields) => jsonWithNumbers(listAsText(fields), ['appid', 'timestamp', 'nonce', 'field_id']),
  },
  'pascal-case': { contentType: JSON_TYPE, text: siblingJson },
  'list-percent': { contentType: JSON_TYPE, text: (fields) => JSON.stringify(listAsText(fields, encodeURIComponent)) },
  'percent-json': { contentType: JSON_TYPE, text: (fields) => encodeURIComponent(json(fields)) },
  'percent-json-plus': { contentType: 'text/plain', text: (fields) => percentPlus(pretty(fields)) },
  'percent-bom': { contentType: FORM_TYPE, text: (fields) => encodeURIComponent(`\uFEFF${json(fields)}`) },
  'percent-string': {
    contentType: JSON_TYPE,
    text: (fields) => encodeURIComponent(JSON.stringify(json(fields))),
  },
  form: { contentType: FORM_TYPE, text: form },
  'form-as-json-type': { contentType: JSON_TYPE, text: form },
  'form-one-field': { contentType: FORM_TYPE, text: (fields) => `data=${encodeURIComponent(json(fields))}` },
  'form-json-as-key': { contentType: FORM_TYPE, text: (fields) => `${encodeURIComponent(json(fields))}=` },
}

export function encode(fields: Fields, encoding: Encoding): Body {
  const { contentType, text } = encoders[encoding]
  return { bytes: new TextEncoder().encode(text(fields)), contentType }
}
