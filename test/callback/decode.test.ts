import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ROW_LIMIT_BYTES } from '../../src/callback/bytes.ts'
import type { Value } from '../../src/callback/json.ts'
import { anyString } from './arbitraries.ts'
import { decodeOrRefusal as decode } from './bodies.ts'
import { signedCallback } from '../callbacks.ts'

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

  it('may be percent-encoded so far as a URL needs it, with & and = as they are', () => {
    const list = '[{"url":"http://a.test/1.jpg?a=1&b=2&c"}]'
    const given = signedCallback({ snapshot_pic_list: list })
    expect(read(encodeURI(JSON.stringify(given)))).toEqual(Object.entries(given))
  })

  it('may have its own mark and spaces inside each layer', () => {
    expect(read(JSON.stringify(`\uFEFF ${JSON.stringify(`\n${json} `)}`))).toEqual(Object.entries(fields))
  })

  it('may be wrapped five times, and not six', () => {
    let body = json
    for (let layer = 1; layer <= 5; layer += 1) body = JSON.stringify(body)
    expect(read(body)).toEqual(Object.entries(fields))
    expect(decode(JSON.stringify(body))).toMatchObject({ code: 'undecodable' })
  })
})

describe('JSON', () => {
  it('is never percent-decoded', () => {
    expect(read('{"event":"%7B%2B%","a":"1+1"}')).toEqual([
      ['event', '%7B%2B%'],
      ['a', '1+1'],
    ])
  })

  it('takes __proto__ for a field like any other', () => {
    expect(JSON.stringify(read('{"__proto__":{"event":1},"event":2}'))).toBe('[["__proto__",{"event":1}],["event",2]]')
    expect(decode('{"__proto__":{"event":1}}')).toMatchObject({ code: 'undecodable' })
  })

  it('counts the last of its repeated keys, escaped or not', () => {
    expect(read('{"event":1,"a":1,"event":2,"\\u0065vent":3}')).toEqual([
      ['a', 1],
      ['event', 3],
    ])
  })

  it.each(['file_id', 'fileId', 'FileId', 'FieldID', 'fieldid'])('may call the field_id %s', (name) => {
    expect(read(JSON.stringify({ event: 1, [name]: 'x' }))).toEqual([
      ['event', 1],
      ['field_id', 'x'],
    ])
  })

  it('lets no empty field_id or list hide another spelling', () => {
    expect(read('{"event":1,"field_id":"","file_id":"x","snapshot_pic_list":null,"SnapshotPicList":[]}')).toEqual([
      ['event', 1],
      ['field_id', 'x'],
      ['snapshot_pic_list', []],
    ])
  })

  it('takes "" and null of other fields as they are', () => {
    expect(read('{"event":"","Event":"snapshot","nonce":null}')).toEqual([
      ['event', ''],
      ['nonce', null],
    ])
  })
})

describe('a form', () => {
  it('has + for a space, and decodes leniently', () => {
    expect(read('event=a+b%20c&x=100%&y=%zz&z=%2B&=1&flag')).toEqual([
      ['event', 'a b c'],
      ['x', '100%'],
      ['y', '%zz'],
      ['z', '+'],
      ['', '1'],
      ['flag', ''],
    ])
  })

  it('may be of one field that is no JSON', () => {
    expect(read('event=snapshot')).toEqual([['event', 'snapshot']])
    expect(read('event=%7B')).toEqual([['event', '{']])
  })

  it('holds JSON only where that is its only field', () => {
    expect(read('event=1&data=%7B%22event%22%3A2%7D')).toEqual([
      ['event', '1'],
      ['data', '{"event":2}'],
    ])
  })
})

const NO_CALLBACKS = [
  ['', ' ', '\uFEFF', 'null', '123', 'true', '[]', '[{"event":"snapshot"}]', '{', '{}', '"', '""', '"{"', '"{}"'],
  ['%', '%7B', '%7B%', '%7B%7D', '%22', '%22%22', '=', '&', '&&', '&=&', '+', '\u0000', '{"a":1,}', '{"event":}'],
  ['a=1&b=2', 'events=1', "{'event':1}", '{"event":1}x', '{"event":1}{"event":1}', '{"a":{"event":1}}'],
  ['data=%7B%7D', '%7B%7D=', '"\\ud800"', '"event', '\ud800'],
].flat()

describe('what is no callback', () => {
  it.each(NO_CALLBACKS)('is %j', (body) => {
    expect(decode(body)).toMatchObject({ code: 'undecodable', why: expect.any(String) })
  })
})

describe('the number of fields', () => {
  const inJson = (count: number) => `{"event":1${',"a":1'.repeat(count - 1)}}`
  const inForm = (count: number) => `event=1${'&a=1'.repeat(count - 1)}`

  it.each([
    ['JSON', inJson],
    ['a JSON string', (count: number) => JSON.stringify(inJson(count))],
    ['percent-encoded JSON', (count: number) => encodeURIComponent(inJson(count))],
    ['the JSON of a form', (count: number) => `data=${encodeURIComponent(inJson(count))}`],
    ['a form', inForm],
    ['the form of a JSON string', (count: number) => JSON.stringify(inForm(count))],
  ])('may be 1,000 and not 1,001 in %s', (_, body) => {
    expect(decode(body(1_000))).toHaveProperty('fields')
    expect(decode(body(1_001))).toMatchObject({ code: 'undecodable', why: 'it has more than 1000 fields' })
  })

  it('leaves out what is empty between two & of a form', () => {
    expect(decode(`&&${inForm(1_000)}&&`)).toHaveProperty('fields')
    expect(decode(`&&${inForm(1_001)}`)).toHaveProperty('code', 'undecodable')
  })
})

const PIECES = [
  ['%', '%7B', '%7b', '%22', '%EF%BB%BF', '%5B', '%00', '%FF', '%ED%A0%80', '%257B', '+', '&', '=', ' ', '\n'],
  ['{', '}', '[', ']', '"', '\\', '\\"', '\\u', '\\ud800', ':', ',', '"event":', 'event=', 'signature', 'data='],
  ['\uFEFF', '\u0000', '\u2028', '\ud800', '\udc00', '\ud83d\ude00', '9'.repeat(20), '1e400', 'null', '__proto__'],
  ['{"event":', '"{\\"event\\":1}"', '%7B%22event%22%3A1%7D', '{"event":"snapshot"}'],
].flat()

const REPEATED = [
  ['+', '&', '=', '[', '{', '%', '%7B', '%22', '%20', '"', '\\', '\\"', '9', ' ', '\u0000', '\ufffd'],
  ['{"a":', '[[],', '"a":1,', '%7B%22', '+%7B', 'a&', '%25'],
].flat()

describe('hostile text', () => {
  const pieces = fc.constantFrom(...PIECES)
  const text = fc.oneof(
    fc.array(pieces, { maxLength: 15 }).map((parts) => parts.join('')),
    anyString,
    fc.uint8Array({ maxLength: 60 }).map((bytes) => new TextDecoder().decode(bytes)),
  )

  it('gives fields that are texts or JSON, or a reason, and never throws', () => {
    fc.assert(
      fc.property(text, (body) => {
        const decoded = decode(body)
        if ('code' in decoded) expect(decoded).toEqual({ code: 'undecodable', why: expect.any(String) })
        else for (const value of decoded.fields.values()) undone(value)
      }),
      { numRuns: 5_000 },
    )
  })

  const repeated = (piece: string) => piece.repeat(Math.floor(ROW_LIMIT_BYTES / piece.length))

  it.each(REPEATED)('may be 1.9 MB of %j', (piece) => {
    // Alone, and behind what makes each of the readers begin.
    for (const start of ['', '"', '{"event":', '{"event":["', '%7B%22event%22%3A']) {
      expect(() => decode(start + repeated(piece))).not.toThrow()
    }
  })

  it.each([
    ['distinct keys', `{${Array.from({ length: 150_000 }, (_, at) => `"k${at}":1`).join(',')}}`],
    ['distinct form fields', Array.from({ length: 150_000 }, (_, at) => `k${at}=1`).join('&')],
    ['one number', `{"event":${'9'.repeat(ROW_LIMIT_BYTES)}}`],
    ['one fraction', `{"event":9007199254740992.${'0'.repeat(ROW_LIMIT_BYTES)}1}`],
    ['levels', `{"event":${'['.repeat(900_000)}${']'.repeat(900_000)}}`],
    ['escapes', JSON.stringify(JSON.stringify(JSON.stringify(JSON.stringify({ event: '"'.repeat(60_000) }))))],
    ['white space', `{${' '.repeat(ROW_LIMIT_BYTES)}"event":1}`],
    [
      'percent-encoding within percent-encoding',
      encodeURIComponent(encodeURIComponent(`{"event":"${'{'.repeat(300_000)}"}`)),
    ],
  ])('may be 1.9 MB of %s', (_, body) => {
    expect(() => decode(body)).not.toThrow()
  })
})
