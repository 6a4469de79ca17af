import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import {
  anyString,
  anyText,
  picturesIn,
  raw,
  read,
  readSigned,
  recordIn,
  withList,
  hashIn,
  withPicture,
} from './bodies.ts'

const json = (value: unknown) => JSON.stringify(value)

describe('the record of a callback', () => {
  it('has its fields, decoded, and nothing of the envelope', () => {
    const list = [
      { url: 'http://abc.com/1.jpg?sign=a%2Bb%3D%3D', offset: 1000 },
      { url: 'u', more: { a: [null, '', 0] } },
    ]
    const fields = signedCallback({ snapshot_pic_list: JSON.stringify(list) })
    const body = JSON.stringify({ ...fields, request_id: 'r-1', status: { code: 0 } })
    expect(recordIn(body)).toStrictEqual({
      task_id: fields.task_id,
      status: 'completed',
      appid: fields.appid,
      vendor: fields.vendor,
      field_id: fields.field_id,
      snapshot_pic_list: list,
      extra: { request_id: 'r-1', status: { code: 0 } },
      via: 'callback',
      signed_at: '2023-11-14T22:13:20.000Z',
      received_at: '2023-11-14T22:13:20.412Z',
    })
  })

  it('has no time of signing where the timestamp is none', () => {
    const said = readSigned(raw(), undefined)
    expect(said).toHaveProperty('record.received_at')
    expect('text' in said && said.text).not.toContain('signed_at')
  })

  it('has URLs byte for byte, whatever is in them', () => {
    const escaped = fc.constantFrom('%2B', '%3D%3D', '%', '%zz', '+', '%7B', '%22', '&', '=', '\\', '"', '/../', '%00')
    const url = fc.oneof(
      anyString,
      fc.array(fc.oneof(escaped, anyText), { maxLength: 8 }).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(fc.array(url), (urls) => {
        const list = JSON.stringify(urls.map((text) => ({ url: text })))
        expect(JSON.stringify(picturesIn(withList(list)))).toBe(list)
        expect(JSON.stringify(picturesIn(withList(JSON.stringify(list))))).toBe(list)
      }),
    )
  })

  it("has a picture's own fields under their documented names", () => {
    expect(picturesIn(withList('[{"URL":"u","Off_Set":"1","Width":2}]'))).toEqual([{ url: 'u', offset: 1, Width: 2 }])
    expect(picturesIn(withList('[{"url":"documented","Url":"other","offset":1,"Offset":2}]'))).toEqual([
      { url: 'documented', offset: 1 },
    ])
    expect(picturesIn(withList('[{"Url":"first","URL":"last"}]'))).toEqual([{ url: 'last' }])
  })

  it('inherits nothing from __proto__', () => {
    expect(JSON.stringify(read(withList('[{"__proto__":{"url":"u"}}]')))).toContain(
      '[{"__proto__":{"url":"u"},"url":""}]',
    )
    expect(read('{"event":1,"__proto__":{"event":"snapshot"}}')).toMatchObject({ reason: 'unsupported_event' })
  })
})

const sized = (bytes: number) => JSON.stringify(`é${'x'.repeat(bytes - 2)}`)
const nested = `${'['.repeat(65)}${']'.repeat(65)}`

const NO_TEXTS = ['true', '{}', '["x"]', nested]
const NO_NAMES = [undefined, 'null', '""', ...NO_TEXTS, sized(65)]

const NO_TASK_IDS = [
  ['.', '..', '\u0000', 'a\nb', 'a\tb', '\u007f', '\u0085', '\u009f', '\ud800', 'a\udc00b', '\udc00\ud800'],
  ['a\r', '\u001b[0m'],
].flat()

const TASK_IDS = ['...', '.a', ' ', '/', '../../etc', '%2e', 'a b', 'é', '😀', '\u00a0', '\u2028', '__proto__']

const NO_LISTS = [
  ['0', 'false', 'true', '{}', '"x"', '"{}"', '"[{\\"url\\":"', '"%5B%"', '"%5B%7B%7D"', '"0"', '[[]]', '[null]'],
  ['["u"]', '[{"url":1}]', '[{"url":["u"]}]', '[{"url[0]":"u"}]', '[{"Url.x":"u"}]', '[{"url":null,"url_0":"u"}]'],
  ['9007199254740993', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, `"${'['.repeat(100_000)}"`],
].flat()

const NO_OFFSETS = [
  ['true', '{}', '[]', '[1]', '"x"', '"1,5"', '"0x10"', '"1000ms"', '"NaN"', '"Infinity"', '"."', '"--1"', '" "'],
  ['"١٠"', '1e400', '"1e400"', '9007199254740993', '"9007199254740993"', '-9007199254740993'],
].flat()

describe('a snapshot', () => {
  it.each<[string, values: readonly (string | undefined)[], detail: string]>([
    ['task_id', [undefined, 'null', '""', ...NO_TEXTS, sized(513), ...NO_TASK_IDS.map(json)], 'task_id is '],
    ['appid', NO_NAMES, 'appid is '],
    ['vendor', NO_NAMES, 'vendor is '],
    ['field_id', [...NO_TEXTS, sized(513)], 'field_id is '],
    ['snapshot_pic_list', NO_LISTS, 'snapshot_pic_list'],
    ['snapshot_pic_list', NO_OFFSETS.map((offset) => `[{"url":"u","offset":${offset}}]`), 'snapshot_pic_list[0] is '],
  ])('is not usable with another %s', (name, values, detail) => {
    for (const value of values) {
      // As JSON, because a lone surrogate in a failed assertion breaks the connection to the reporter.
      const said = JSON.stringify(read(raw({ [name]: value })))
      expect(said.startsWith(`{"reason":"invalid_snapshot","detail":"${detail}`), `${value?.slice(0, 60)}`).toBe(true)
    }
  })

  it.each([
    ['task_id', [sized(512), ...TASK_IDS.map(json)]],
    ['appid', [sized(64)]],
    ['vendor', [sized(64)]],
    ['field_id', [sized(512)]],
  ])('may have any %s that fits', (name, values) => {
    for (const value of values) expect(recordIn(raw({ [name]: value }))[name]).toBe(JSON.parse(value))
  })

  it('has an event that is exactly snapshot', () => {
    for (const event of [undefined, 'null', '""', '"Snapshot"', '"snapshot "', '"compose"', '["snapshot"]', '1']) {
      const detail = expect.stringMatching(/^The event is /)
      expect(read(raw({ event })), event).toMatchObject({ reason: 'unsupported_event', detail })
    }
  })

  it('has a record of at most 1,900,000 bytes', () => {
    const room = 1_900_000 - JSON.stringify(recordIn(raw({ more: '""' }))).length
    expect(read(raw({ more: `"${'x'.repeat(room)}"` }))).toHaveProperty('record')
    for (const more of ['x'.repeat(room + 1), `${'x'.repeat(room - 1)}é`, '\\u0001'.repeat(400_000)]) {
      expect(read(raw({ more: `"${more}"` }))).toEqual({
        reason: 'invalid_snapshot',
        detail: 'The record has more than 1900000 bytes.',
      })
    }
  })

  it('is refused in few words, whatever was sent', () => {
    for (const name of ['event', 'task_id', 'snapshot_pic_list']) {
      for (const value of [`"${'x'.repeat(100_000)}"`, `{"a":"${'😀'.repeat(100_000)}"}`]) {
        const said = read(raw({ [name]: value }))
        expect('reason' in said && said.detail.length).toBeLessThan(250)
      }
    }
  })

  it.each([undefined, 'null', '""', '"  "', '[]', '"[]"', '"null"', '"%5B%5D"', '"\\"\\""'])(
    'has an empty list when that is %s',
    async (value) => {
      expect(picturesIn(raw({ snapshot_pic_list: value }))).toEqual([])
      expect(await hashIn(raw({ snapshot_pic_list: value }))).toBe(await hashIn(withList('[]')))
    },
  )
})

const ONE_SECOND = ['1000', '1000.0', '1e3', '1E+3', '10000e-1', '"1000"', '"1000.0"', '"1e3"', '" 1000 "', '"01000"']

describe('a picture', () => {
  it.each<[string, number | undefined]>([
    ...ONE_SECOND.map((value): [string, number] => [value, 1000]),
    ['0', 0],
    ['-0', 0],
    ['"-2500.5"', -2500.5],
    ['9007199254740992', 2 ** 53],
    ['"9007199254740992"', 2 ** 53],
    ['null', undefined],
    ['""', undefined],
  ])('with the offset %s has the number, or none', async (value, offset) => {
    const usual = offset === undefined ? '[{"url":"u"}]' : `[{"url":"u","offset":${offset}}]`
    expect(picturesIn(withPicture(`"offset":${value}`))).toStrictEqual(JSON.parse(usual))
    expect(await hashIn(withPicture(`"offset":${value}`))).toBe(await hashIn(withList(usual)))
  })

  it.each([
    ['{"offset":1,"code":3}', { url: '', offset: 1, code: 3 }],
    ['{"url":null,"offset":1}', { url: '', offset: 1 }],
    ['{"URL":"","offset":1}', { url: '', offset: 1 }],
    ['{"url_type":1}', { url: '', url_type: 1 }],
    ['{}', { url: '' }],
    ['{"url":null,"Url":"u"}', { url: 'u' }],
    ['{"url":"u","url2":"v"}', { url: 'u', url2: 'v' }],
  ])('without a URL is kept with "" for it, and its other fields: %s', async (picture, kept) => {
    const body = withList(`[${picture},${picture}]`)
    expect(picturesIn(body)).toEqual([kept, kept])
    expect(await hashIn(body)).toBe(await hashIn(withList(JSON.stringify([kept, kept]))))
  })
})
