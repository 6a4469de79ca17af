import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { anyString, anyText } from './arbitraries.ts'
import { picturesIn, raw, read, readSigned, recordIn, withList, withPicture } from './bodies.ts'

const NO_TASK_IDS = [
  ['.', '..', '\u0000', 'a\nb', 'a\tb', '\u007f', '\u0085', '\u009f', '\ud800', 'a\udc00b', '\udc00\ud800'],
  ['a\r', '\u001b[0m'],
].flat()

describe('the record of a callback', () => {
  it('has its fields, decoded, and nothing of the envelope', () => {
    const list = [{ url: 'http://abc.com/1.jpg?sign=a%2Bb%3D%3D', offset: 1000 }, { url: 'http://abc.com/2.jpg' }]
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

  it('keeps unknown fields of a picture as they are', () => {
    const list = [{ url: 'u', width: 1280, more: { a: [null, '', 0] }, empty: null }]
    expect(picturesIn(withList(JSON.stringify(list)))).toEqual(list)
  })

  it("has a picture's own fields under their documented names", () => {
    expect(picturesIn(withList('[{"URL":"u","Off_Set":"1","Width":2}]'))).toEqual([{ url: 'u', offset: 1, Width: 2 }])
    expect(picturesIn(withList('[{"url":"documented","Url":"other","offset":1,"Offset":2}]'))).toEqual([
      { url: 'documented', offset: 1 },
    ])
    expect(picturesIn(withList('[{"Url":"first","URL":"last"}]'))).toEqual([{ url: 'last' }])
  })

  it('keeps numbers above 2^53 as strings of their digits, wherever they are', () => {
    const body = raw({
      code: '9007199254740993',
      edge: '9007199254740992',
      deep: '{"a":[{"b":-12345678901234567890}],"huge":1e400}',
      snapshot_pic_list: '"[{\\"url\\":\\"u\\",\\"size\\":9007199254740993,\\"edge\\":9007199254740992}]"',
    })
    expect(recordIn(body)).toMatchObject({
      extra: {
        code: '9007199254740993',
        edge: 9007199254740992,
        deep: { a: [{ b: '-12345678901234567890' }], huge: '1e400' },
      },
      snapshot_pic_list: [{ url: 'u', size: '9007199254740993', edge: 9007199254740992 }],
    })
  })

  it.each([
    ['a field', raw({ __proto__x: '1' }).replace('__proto__x', '__proto__'), '"extra":{"__proto__":1}'],
    ["a picture's field", withPicture('"__proto__":{"offset":1}'), '{"__proto__":{"offset":1},"url":"u"}'],
    ['a field within a field', raw({ a: '{"__proto__":{"b":1}}' }), '"extra":{"a":{"__proto__":{"b":1}}}'],
    ['a url', withList('[{"url":"u","__proto__":{"url":"v"}}]'), '{"__proto__":{"url":"v"},"url":"u"}'],
  ])('takes __proto__ for a name like any other: of %s', (_, body, json) => {
    const said = read(body)
    expect(JSON.stringify(said)).toContain(json)
    expect(({} as Record<string, unknown>).offset).toBeUndefined()
  })

  it('inherits nothing from __proto__', () => {
    expect(JSON.stringify(read(withList('[{"__proto__":{"url":"u"}}]')))).toContain(
      '[{"__proto__":{"url":"u"},"url":""}]',
    )
    expect(read('{"event":1,"__proto__":{"event":"snapshot"}}')).toMatchObject({ reason: 'unsupported_event' })
  })

  it('keeps what nests deeper than 64 levels as its text', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    expect(recordIn(raw({ deep })).extra).toEqual({ deep })
  })
})

describe('a usable snapshot', () => {
  const sized = (bytes: number) => JSON.stringify(`é${'x'.repeat(bytes - 2)}`)

  it('has an event that is exactly snapshot', () => {
    for (const event of [undefined, 'null', '""', '"Snapshot"', '"snapshot "', '"compose"', '["snapshot"]', '1']) {
      expect(read(raw({ event })), event).toMatchObject({
        reason: 'unsupported_event',
        detail: expect.stringMatching(/^The event is /),
      })
    }
  })

  it.each([
    ['task_id', 512],
    ['appid', 64],
    ['vendor', 64],
    ['field_id', 512],
  ])('has a %s of at most %i bytes of UTF-8', (name, limit) => {
    expect(recordIn(raw({ [name]: sized(limit) }))[name]).toBe(JSON.parse(sized(limit)))
    expect(read(raw({ [name]: sized(limit + 1) }))).toMatchObject({
      reason: 'invalid_snapshot',
      detail: expect.stringMatching(`^${name} is .*${limit} bytes`),
    })
  })

  it.each(['task_id', 'appid', 'vendor'])('has a %s that is a text and not empty', (name) => {
    for (const value of [undefined, 'null', '""', 'true', '{}', '[]', '["x"]', `${'['.repeat(65)}${']'.repeat(65)}`]) {
      const detail = expect.stringMatching(`^${name} is `)
      expect(read(raw({ [name]: value })), value).toMatchObject({ reason: 'invalid_snapshot', detail })
    }
  })

  it.each(['true', '{}', '["x"]', `${'['.repeat(65)}${']'.repeat(65)}`])('has no field_id %s', (value) => {
    expect(read(raw({ field_id: value }))).toMatchObject({
      reason: 'invalid_snapshot',
      detail: expect.stringMatching(/^field_id is /),
    })
  })

  it.each(NO_TASK_IDS)('has no task_id %j', (task_id) => {
    // As JSON, because a lone surrogate in a failed assertion breaks the connection to the reporter.
    const said = JSON.stringify(read(raw({ task_id: JSON.stringify(task_id) })))
    expect(said).toMatch(/^\{"reason":"invalid_snapshot","detail":"task_id is /)
  })

  it.each(['...', '.a', ' ', '/', '../../etc', '%2e', 'a b', 'é', '😀', '\u00a0', '\u2028', '__proto__', '0', 'null'])(
    'may have the task_id %j',
    (task_id) => {
      expect(recordIn(raw({ task_id: JSON.stringify(task_id) })).task_id).toBe(task_id)
    },
  )

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
})
