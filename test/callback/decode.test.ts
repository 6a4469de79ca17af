import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { bytesOf, ROW_LIMIT_BYTES } from '../../src/callback/bytes.ts'
import { decode as decodeBytes } from '../../src/callback/decode.ts'
import type { Value } from '../../src/callback/json.ts'
import { signedCallback } from '../callbacks.ts'
import { decodeOrRefusal as decode, refusalOf } from './bodies.ts'

/** The fields with their JSON undone, in order, or why there are none. */
function read(body: string): [string, unknown][] | string {
  const decoded = decode(body)
  return 'code' in decoded ? decoded.why : Array.from(decoded.fields, ([name, value]) => [name, undone(value)])
}

function undone(value: Value): unknown {
  if ('list' in value) return value.list
  return 'text' in value ? value.text : JSON.parse(value.json)
}

describe('a callback in any encoding', () => {
  // A URL that has to come through byte for byte.
  const url = 'http://a.test/1.jpg?sign=a%2Bb%3D%3D&t=1+2&n=%7B%22&stray=100%&"\\\u00e9\ud83d\ude00'
  const fields = signedCallback({ snapshot_pic_list: JSON.stringify([{ url, offset: 1 }]) })

  type Wraps = Record<string, (body: string) => string>
  const aroundAnything: Wraps = {
    'white space': (body) => ` \r\n\t${body}\n`,
    'a byte order mark': (body) => `\uFEFF${body}`,
    'a json string': (body) => JSON.stringify(body),
  }
  const aroundJson: Wraps = {
    'percent-encoding': (body) => encodeURIComponent(body),
    'percent-encoding, white space encoded too': (body) => encodeURIComponent(`\uFEFF \n\t\r${body}`),
    'percent-encoding, + for spaces': (body) => `+${encodeURIComponent(body)}+`,
  }
  const form: Wraps = {
    'a form field': (body) => `data=${encodeURIComponent(body)}`,
    'a form field without a name': (body) => `=${encodeURIComponent(body)}`,
    'the name of a form field': (body) => `${encodeURIComponent(body)}=`,
  }
  const json = JSON.stringify(fields)

  const all = { ...aroundAnything, ...aroundJson, ...form }

  it.each(Object.entries(all))('may be wrapped in %s, and again', (first, inner) => {
    const again = { nothing: (body: string) => body, ...(first in form ? aroundAnything : all) }
    for (const [second, outer] of Object.entries(again)) {
      expect(read(outer(inner(json))), second).toEqual(Object.entries(fields))
    }
  })

  it('may be wrapped five times, and not six', () => {
    let body = json
    for (let layer = 1; layer <= 5; layer += 1) body = JSON.stringify(body)
    expect(read(body)).toEqual(Object.entries(fields))
    expect(decode(JSON.stringify(body))).toMatchObject({ code: 'undecodable' })
  })
})

const unescaped = JSON.stringify(signedCallback({ snapshot_pic_list: '[{"url":"http://a.test/1.jpg?a=1&b=2&c"}]' }))

it.each([
  ['JSON, the last of its repeated keys', '{"event":1,"a":1,"event":2,"\\u0065vent":3}', '{"a":1,"event":3}'],
  ['JSON, the documented spelling', '{"event":1,"TaskId":2,"task_id":1,"taskId":3}', '{"event":1,"task_id":1}'],
  ['JSON, else the last spelling', '{"event":1,"TaskId":2,"taskID":1}', '{"event":1,"task_id":1}'],
  ['JSON, __proto__ for a field', '{"__proto__":{"event":1},"event":2}', '{"__proto__":{"event":1},"event":2}'],
  ...['file_id', 'fileId', 'FileId', 'FieldID', 'fieldid'].map((name) => [
    `JSON, ${name} beside an empty field_id`,
    `{"event":1,"field_id":"","${name}":"x","snapshot_pic_list":null,"SnapshotPicList":[]}`,
    '{"event":1,"field_id":"x","snapshot_pic_list":[]}',
  ]),
  ['JSON that is percent-encoded so far as a URL needs it', encodeURI(unescaped), unescaped],
  [
    'a form, + for a space, and what is no escape as it is',
    'event=a+b%20c&x=100%&y=%zz&z=%2B&=1&flag',
    '{"event":"a b c","x":"100%","y":"%zz","z":"+","":"1","flag":""}',
  ],
  ['a form of one field that is no JSON', 'event=%7B', '{"event":"{"}'],
  ['a form with JSON beside another field', 'event=1&data=%7B%7D', '{"event":"1","data":"{}"}'],
] as [string, body: string, fields: string][])('a callback is read from %s', (_, body, fields) => {
  const found = read(body)
  expect(typeof found === 'string' ? found : JSON.stringify(Object.fromEntries(found))).toBe(fields)
})

const NO_CALLBACKS = [
  ['', ' ', '\uFEFF', 'null', '123', 'true', '[]', '[{"event":"snapshot"}]', '{', '{}', '"', '""', '"{"', '"{}"'],
  ['%', '%7B', '%7B%', '%7B%7D', '%22', '%22%22', '=', '&', '&&', '&=&', '+', '\u0000', '{"a":1,}', '{"event":}'],
  ['a=1&b=2', 'events=1', "{'event':1}", '{"event":1}x', '{"event":1}{"event":1}', '{"a":{"event":1}}'],
  ['{"__proto__":{"event":1}}', 'data=%7B%7D', '%7B%7D=', '"\\ud800"', '"event', '\ud800'],
].flat()

describe('what is no callback', () => {
  it.each(NO_CALLBACKS)('is %j', (body) => {
    expect(decode(body)).toMatchObject({ code: 'undecodable', why: expect.any(String) })
  })
})

describe('the number of fields', () => {
  const inJson = (count: number) => `{"event":1${',"a":1'.repeat(count - 1)}}`
  const part = (name: string) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n1\r\n`
  const inForm = (count: number) => `event=1${'&a=1'.repeat(count - 1)}`

  it.each([
    ['JSON', inJson],
    ['a JSON string', (count: number) => JSON.stringify(inJson(count))],
    ['percent-encoded JSON', (count: number) => encodeURIComponent(inJson(count))],
    ['the JSON of a form', (count: number) => `data=${encodeURIComponent(inJson(count))}`],
    ['a form', inForm],
    ['multipart', (count: number) => `${part('event')}${part('a').repeat(count - 1)}--x--`],
    ['the form of a JSON string', (count: number) => JSON.stringify(inForm(count))],
  ])('may be 1,000 and not 1,001 in %s', (_, body) => {
    expect(decode(body(1_000))).toHaveProperty('fields')
    expect(decode(body(1_001))).toMatchObject({ code: 'undecodable', why: 'it has more than 1000 fields' })
  })
})

const REPEATED = [
  ['+', '&', '=', '[', '{', '%', '%7B', '%22', '%20', '"', '\\', '\\"', '9', ' ', '\u0000', '\ufffd'],
  ['{"a":', '[[],', '"a":1,', '%7B%22', '+%7B', 'a&', '%25'],
].flat()

describe('hostile text', () => {
  const repeated = (piece: string) => piece.repeat(Math.floor(ROW_LIMIT_BYTES / piece.length))
  const many = Array.from({ length: 150_000 }, (_, at) => `k${at}`)

  it.each([
    // Alone, and behind what makes each of the readers begin.
    ...REPEATED.map((piece) => [
      JSON.stringify(piece),
      ['', '"', '{"event":', '{"event":["', '%7B%22event%22%3A'].map((start) => start + repeated(piece)),
    ]),
    ['distinct keys', [`{${many.map((key) => `"${key}":1`).join(',')}}`, many.map((key) => `${key}=1`).join('&')]],
    ['one number', [`{"event":${repeated('9')}}`, `{"event":9007199254740992.${repeated('0')}1}`]],
    ['levels', [`{"event":${'['.repeat(900_000)}${']'.repeat(900_000)}}`]],
    ['escapes', [JSON.stringify(JSON.stringify(JSON.stringify(JSON.stringify({ event: '"'.repeat(60_000) }))))]],
    ['white space', [`{${repeated(' ')}"event":1}`]],
    ['percent-encoding twice', [encodeURIComponent(encodeURIComponent(`{"event":"${'{'.repeat(300_000)}"}`))]],
  ] as [string, string[]][])('may be 1.9 MB of %s', (_, bodies) => {
    for (const body of bodies) expect(() => decode(body)).not.toThrow()
  })
})

const refused = (bytes: Uint8Array) => refusalOf(() => decodeBytes({ bytes, contentType: null, contentEncoding: null }))

/** JSON of as many bytes. */
const sized = (length: number) => bytesOf(`{"event":"${'x'.repeat(length - 12)}"}`)

const PACKERS = {
  gzip: (bytes: Uint8Array) => gzipSync(bytes),
  zlib: (bytes: Uint8Array) => deflateSync(bytes),
}

describe('a packed body', () => {
  it.each(Object.entries(PACKERS))('of %s may unpack to 1,900,000 bytes and no more', async (_, pack) => {
    expect(await refused(pack(sized(ROW_LIMIT_BYTES)))).toBeUndefined()
    expect(await refused(pack(sized(ROW_LIMIT_BYTES + 1)))).toEqual({ code: 'body_too_large' })
  })

  it('is unpacked once, and only if its first bytes say how', async () => {
    for (const bytes of [gzipSync(gzipSync(sized(100))), deflateRawSync(sized(100))]) {
      expect(await refused(bytes)).toMatchObject({ code: 'undecodable' })
    }
  })

  it.each(Object.entries(PACKERS))('of %s that is cut or damaged is no callback', async (_, pack) => {
    const packed = pack(sized(1_000))
    const damaged = packed.map((byte, index) => (index === 20 ? byte ^ 1 : byte))
    for (const bytes of [packed.subarray(0, -1), packed.subarray(0, 12), damaged]) {
      expect(await refused(bytes), String(bytes.length)).toMatchObject({ code: 'undecodable' })
    }
  })

  it.each(['x^', 'hC', '8O', 'X%C3%85', '\u001f\u008b\b'])('is not one because it begins with %j', async (start) => {
    expect(await refused(bytesOf(`${start}=1&event=2`))).toBeUndefined()
  })
})
