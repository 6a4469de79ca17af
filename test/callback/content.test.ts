import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOf, sha256 } from '../../src/callback/bytes.ts'
import { decode } from '../../src/callback/decode.ts'
import { contentOf, inOrder } from '../../src/callback/content.ts'
import { readSnapshot } from '../../src/callback/snapshot.ts'
import { type Encoding, encodings, signedCallback } from '../callbacks.ts'
import { anyString, anyText } from './arbitraries.ts'

const SIGNED_AT = 1_700_000_000_000
const RECEIVED_AT = 1_700_000_000_412

function contentIn(body: string) {
  const decoded = decode(body)
  if ('code' in decoded) throw new Error(decoded.why)
  return contentOf(decoded.fields)
}

const readSigned = (body: string, signedAt: number | undefined) => {
  const content = contentIn(body)
  return readSnapshot(content, bytesOf(JSON.stringify(content)).length, signedAt, RECEIVED_AT)
}

const read = (body: string) => readSigned(body, SIGNED_AT)

/** As readers get it. */
function recordIn(body: string): Record<string, unknown> {
  const said = read(body)
  if ('reason' in said) throw new Error(said.detail)
  return JSON.parse(JSON.stringify(said.record)) as Record<string, unknown>
}

const hashIn = (body: string) => sha256(JSON.stringify(contentIn(body)))

type Raw = Record<string, string | undefined>

const USUAL: Raw = {
  event: '"snapshot"',
  appid: '"12345"',
  task_id: '"1253642700910365374"',
  vendor: '"tencent"',
  field_id: '"1397757897438985100"',
  snapshot_pic_list: '[]',
  signature: '"x"',
}

/** A callback in JSON, of values that are JSON text: spelled as a test wants them. `undefined` leaves one out. */
const raw = (fields: Raw = {}) =>
  `{${Object.entries({ ...USUAL, ...fields })
    .filter(([, json]) => json !== undefined)
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
    .join(',')}}`

const withList = (json: string) => raw({ snapshot_pic_list: json })
const withPicture = (members: string) => withList(`[{"url":"u",${members}}]`)
const picturesIn = (body: string) => recordIn(body).snapshot_pic_list

const NO_LISTS = [
  ['0', 'false', 'true', '{}', '"x"', '"{}"', '"[{\\"url\\":"', '"%5B%"', '"%5B%7B%7D"', '"0"', '[[]]', '[null]'],
  ['["u"]', '[{}]', '[{"url":null}]', '[{"url":1}]', '[{"url":["u"]}]', '[{"offset":1}]', '[{"url":"u"},{}]'],
  ['9007199254740993', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, `"${'['.repeat(100_000)}"`],
].flat()

const NO_OFFSETS = [
  ['true', '{}', '[]', '[1]', '"x"', '"1,5"', '"0x10"', '"1000ms"', '"NaN"', '"Infinity"', '"."', '"--1"', '" "'],
  ['"١٠"', '1e400', '"1e400"', '9007199254740993', '"9007199254740993"', '-9007199254740993'],
].flat()

const NO_TASK_IDS = [
  ['.', '..', '\u0000', 'a\nb', 'a\tb', '\u007f', '\u0085', '\u009f', '\ud800', 'a\udc00b', '\udc00\ud800'],
  ['a\r', '\u001b[0m'],
].flat()

describe('the record of a callback', () => {
  it('has its fields, decoded, and nothing of the envelope', () => {
    const list = [{ url: 'http://abc.com/1.jpg?sign=a%2Bb%3D%3D', offset: 1000 }, { url: 'http://abc.com/2.jpg' }]
    const fields = signedCallback({ snapshot_pic_list: JSON.stringify(list) })
    const body = JSON.stringify({ ...fields, request_id: 'r-1', status: { code: 0 } })
    expect(read(body)).toStrictEqual({
      record: {
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
      },
    })
  })

  it('lacks what the callback lacks', () => {
    const keys = Object.keys(recordIn(raw({ field_id: undefined })))
    expect(keys.toSorted()).toEqual(
      ['appid', 'received_at', 'signed_at', 'snapshot_pic_list', 'status', 'task_id', 'vendor', 'via'].toSorted(),
    )
  })

  it('has no time of signing where the timestamp is none', () => {
    const said = readSigned(raw(), undefined)
    expect(said).toHaveProperty('record.received_at')
    expect(said).not.toHaveProperty('record.signed_at')
  })

  it('has the digits of ids that were sent as numbers', () => {
    const ids = { appid: '12345', task_id: '1253642700910365374', field_id: '1397757897438985100', vendor: '1e1' }
    expect(recordIn(raw(ids))).toMatchObject(ids)
  })

  it('keeps a vendor that is new', () => {
    expect(recordIn(raw({ vendor: '"aliyun"' })).vendor).toBe('aliyun')
  })

  it('keeps pictures in order, equal ones too', () => {
    const list = [{ url: 'b' }, { url: 'a' }, { url: 'a' }, { url: 'b' }]
    expect(picturesIn(withList(JSON.stringify(list)))).toEqual(list)
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
    expect(read(withList('[{"__proto__":{"url":"u"}}]'))).toMatchObject({ reason: 'invalid_snapshot' })
    expect(read('{"event":1,"__proto__":{"event":"snapshot"}}')).toMatchObject({ reason: 'unsupported_event' })
  })

  it('keeps what nests deeper than 64 levels as its text', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    expect(recordIn(raw({ deep })).extra).toEqual({ deep })
  })
})

describe('the list', () => {
  const list = [{ url: 'http://abc.com/1.jpg?a=%2B%', offset: 2.5 }, { url: 'é😀+ "' }]
  const json = JSON.stringify(list)
  const percent = encodeURIComponent(json)
  const percentPlus = percent.replaceAll(/%../g, (escape) => escape.toLowerCase()).replaceAll('%20', '+')

  it.each([
    ['an array', json],
    ['a JSON string', JSON.stringify(json)],
    ['a JSON string in a JSON string', JSON.stringify(JSON.stringify(json))],
    ['percent-encoded', JSON.stringify(percent)],
    ['percent-encoded in lower case, + for spaces', JSON.stringify(percentPlus)],
    ['percent-encoded as a JSON string', JSON.stringify(encodeURIComponent(JSON.stringify(json)))],
    ['spaced', JSON.stringify(`\uFEFF\n ${JSON.stringify(list, null, '\t')} `)],
  ])('may be %s', (_, value) => {
    expect(picturesIn(withList(value))).toEqual(list)
  })

  it.each([undefined, 'null', '""', '"  "', '[]', '"[]"', '"null"', '"%5B%5D"', '"\\"\\""'])(
    'is empty when it is %s',
    async (value) => {
      expect(picturesIn(raw({ snapshot_pic_list: value }))).toEqual([])
      expect(await hashIn(raw({ snapshot_pic_list: value }))).toBe(await hashIn(withList('[]')))
    },
  )

  it.each(NO_LISTS)('is invalid when it is %.40s', (value) => {
    expect(read(withList(value))).toMatchObject({
      reason: 'invalid_snapshot',
      detail: expect.stringMatching(/^snapshot_pic_list/),
    })
  })
})

describe('an offset', () => {
  it.each([
    '1000',
    '1000.0',
    '1e3',
    '1E+3',
    '10000e-1',
    '"1000"',
    '"1000.0"',
    '"1e3"',
    '" 1000 "',
    '"+1000"',
    '"01000"',
  ])('of 1000 may be written %s', async (value) => {
    expect(picturesIn(withPicture(`"offset":${value}`))).toEqual([{ url: 'u', offset: 1000 }])
    expect(await hashIn(withPicture(`"offset":${value}`))).toBe(await hashIn(withPicture('"offset":1000')))
  })

  it.each([
    ['0', 0],
    ['-0', 0],
    ['"-2500.5"', -2500.5],
    ['9007199254740992', 2 ** 53],
    ['"9007199254740992"', 2 ** 53],
  ])('may be %s', (value, offset) => {
    expect(picturesIn(withPicture(`"offset":${value}`))).toEqual([{ url: 'u', offset }])
  })

  it.each(['null', '""'])('is absent when it is %s', async (value) => {
    expect(picturesIn(withPicture(`"offset":${value}`))).toEqual([{ url: 'u' }])
    expect(await hashIn(withPicture(`"offset":${value}`))).toBe(await hashIn(withList('[{"url":"u"}]')))
  })

  it.each(NO_OFFSETS)('is invalid when it is %s', (value) => {
    expect(read(withPicture(`"offset":${value}`))).toMatchObject({
      reason: 'invalid_snapshot',
      detail: expect.stringMatching(/^snapshot_pic_list\[0\]/),
    })
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

/** What a callback says, in small alphabets: so that two of them often say the same, or nearly. */
const statement = fc.record({
  event: fc.constantFrom('snapshot', 'snapshots'),
  appid: fc.constantFrom('1', '01'),
  task_id: fc.constantFrom('7', 'Z', 'z'),
  vendor: fc.constantFrom('hw', 'tencent'),
  field_id: fc.option(fc.constantFrom('8', 'f'), { nil: undefined }),
  pictures: fc.array(
    fc.record({
      url: fc.constantFrom('u', '%75', 'U', ''),
      offset: fc.option(fc.constantFrom(0, 1000, 2500.5), { nil: undefined }),
      width: fc.option(fc.constantFrom(1, '1', null, { a: [1, 2] }, { a: [2, 1] }), { nil: undefined }),
    }),
    { maxLength: 3 },
  ),
  extra: fc.record(
    { request_id: fc.constantFrom('r', 's'), Request_Id: fc.constantFrom('r', 's') },
    { requiredKeys: [] },
  ),
})

type Statement = typeof statement extends fc.Arbitrary<infer Value> ? Value : never

/** How it may be said. */
const manner = fc.record({
  encoding: fc.constantFrom(...(Object.keys(encodings) as Encoding[])),
  turn: fc.nat({ max: 9 }),
  spelling: fc.array(fc.nat({ max: 3 }), { minLength: 10, maxLength: 10 }),
  absent: fc.constantFrom('left out' as const, 'empty' as const),
  space: fc.constantFrom('', ' ', '\n'),
  nonce: fc.constantFrom('1', '2'),
})

type Manner = typeof manner extends fc.Arbitrary<infer Value> ? Value : never

const ABSENT = { 'left out': undefined, empty: '' }

const pascal = (name: string) => name.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
const SPELLINGS = [(name: string) => name, pascal, (name: string) => name.toUpperCase(), (name: string) => `_${name}`]

const turned = <Value>(list: Value[], by: number) => {
  const at = by % Math.max(1, list.length)
  return [...list.slice(at), ...list.slice(0, at)]
}

function say(said: Statement, { encoding, turn, spelling, absent, space, nonce }: Manner): string {
  const spell = (name: string, at: number) => SPELLINGS[spelling[at % 10]!]!(name)
  const offsetText = (offset: number, at: number) =>
    [String(offset), `"${offset}"`, `${offset}e0`, `"${offset}E+0"`][spelling[at % 10]!]!
  const pictures = said.pictures.map(({ url, offset, width }, at) => {
    const members = [`${JSON.stringify(spell('url', at))}:${space}${JSON.stringify(url)}`]
    if (offset !== undefined) members.push(`${JSON.stringify(spell('offset', at + 1))}:${offsetText(offset, at + 2)}`)
    else if (absent === 'empty') members.push('"offset":""')
    if (width !== undefined) members.push(`"width"${space}:${JSON.stringify(width)}`)
    return `{${turned(members, turn).join(`${space},`)}}`
  })
  const list = `[${space}${pictures.join(',')}]`
  const documented: [string, string | undefined][] = [
    ['event', said.event],
    ['appid', said.appid],
    ['task_id', said.task_id],
    ['vendor', said.vendor],
    ['field_id', said.field_id ?? ABSENT[absent]],
    ['timestamp', '1700000000'],
    ['nonce', nonce],
    ['signature', nonce.repeat(40)],
  ]
  const entries = [
    ...documented.map(([name, value], at) => [spell(name, at), value] as const),
    ['snapshot_pic_list', said.pictures.length > 0 || turn > 4 ? list : ABSENT[absent]] as const,
    ...Object.entries(said.extra),
  ].filter(([, value]) => value !== undefined)
  return encodings[encoding](Object.fromEntries(turned(entries, turn)))
}

const DIFFERENCES: [string, string][] = [
  ['an unknown field', raw({ more: '1' })],
  ['an unknown field that is null', raw({ more: 'null' })],
  ['an unknown field of another case', raw({ More: '1' })],
  ['__proto__', raw().replace('{', '{"__proto__":1,')],
  ['an id of another form', raw({ appid: '"012345"' })],
  ['a task_id that is null', raw({ task_id: 'null' })],
  ['a task_id that is left out', raw({ task_id: undefined })],
  ['a list cut off', withList('"[{"')],
  ['a picture', withList('[{"url":"u"}]')],
  ['the picture twice', withList('[{"url":"u"},{"url":"u"}]')],
  ['a picture that is none', withList('[{}]')],
  ['another offset', withPicture('"offset":1')],
  ['an offset above 2^53', withPicture('"offset":9007199254740993')],
  ['another offset above 2^53', withPicture('"offset":9007199254740995')],
  ['an endless offset', withPicture('"offset":1e400')],
  ['another endless offset', withPicture('"offset":"1e401"')],
  ['an unknown number above 2^53', raw({ more: '9007199254740993' })],
  ['another unknown number above 2^53', raw({ more: '9007199254740992' })],
  ['a lone surrogate', withList('[{"url":"\\ud800"}]')],
  ['another lone surrogate', withList('[{"url":"\\ud801"}]')],
  ['an escaped lone surrogate', withList('[{"url":"\\\\ud800"}]')],
  ['nested fields', raw({ more: '{"a":1,"b":2}' })],
  ['nested lists in another order', raw({ more: '[2,1]' })],
  ['nested lists', raw({ more: '[1,2]' })],
]

describe('the content of a callback', () => {
  it('has the same hash exactly when the same is said, however it is said', async () => {
    const two = fc.oneof(
      fc.tuple(statement, statement),
      statement.map((one) => [one, one] as const),
      fc
        .tuple(statement, statement, fc.constantFrom(...(['appid', 'field_id', 'pictures', 'extra'] as const)))
        .map(([one, other, name]) => [one, { ...one, [name]: other[name] }] as const),
    )
    const seen = { same: 0, other: 0 }
    await fc.assert(
      fc.asyncProperty(two, manner, manner, async ([one, other], how, otherwise) => {
        const isSame = canonicalStatement(one) === canonicalStatement(other)
        seen[isSame ? 'same' : 'other'] += 1
        expect((await hashIn(say(one, how))) === (await hashIn(say(other, otherwise)))).toBe(isSame)
      }),
      { numRuns: 2_000 },
    )
    expect(Math.min(seen.same, seen.other)).toBeGreaterThan(200)
  })

  it('is in order at every level, since its JSON is hashed', () => {
    const json = fc.oneof(
      fc.json({ maxDepth: 4 }),
      fc.array(fc.record({ url: fc.string(), offset: fc.integer() })).map((list) => JSON.stringify(list)),
      fc
        .array(fc.dictionary(fc.oneof(fc.constantFrom('url', 'offset', 'Url', 'more'), fc.string()), fc.jsonValue()))
        .map((list) => JSON.stringify(list)),
    )
    const name = fc.constantFrom('event', 'appid', 'task_id', 'field_id', 'snapshot_pic_list', 'more', '__proto__')
    fc.assert(
      fc.property(fc.dictionary(name, json), (fields) => {
        const content = contentIn(raw(fields))
        expect(JSON.stringify(content)).toBe(JSON.stringify(inOrder(content)))
      }),
      { numRuns: 300 },
    )
  })

  it('gives the same record and the same hash in every encoding', async () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 })
    const id = text.filter((value) => !/\p{Cc}/u.test(value) && !['.', '..'].includes(value))
    const picture = fc.record({ url: text, offset: fc.double({ noNaN: true, min: 0, max: 1e9 }) })
    await fc.assert(
      fc.asyncProperty(id, id, id, fc.array(picture), text, async (task_id, appid, field_id, pictures, note) => {
        const list = JSON.stringify(pictures)
        const fields = {
          ...signedCallback({ task_id, appid, field_id, snapshot_pic_list: list }),
          note: `note ${note}`,
        }
        const record = recordIn(encodings.json(fields))
        expect(record).toMatchObject({ task_id, appid, field_id, extra: { note: fields.note } })
        expect(record.snapshot_pic_list).toEqual(JSON.parse(list))
        const hash = await hashIn(encodings.json(fields))
        for (const [name, encode] of Object.entries(encodings)) {
          expect(recordIn(encode(fields)), name).toEqual(record)
          expect(await hashIn(encode(fields)), name).toBe(hash)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('does not depend on timestamp, nonce and signature, in whatever spelling', async () => {
    const hash = await hashIn(raw())
    for (const name of ['timestamp', 'nonce', 'signature', 'Timestamp', 'NONCE', 'Signature']) {
      expect(await hashIn(raw({ [name]: '"x"' }))).toBe(hash)
    }
  })

  it.each(['null', '""', undefined])('has no field_id when that is %s', async (field_id) => {
    expect(recordIn(raw({ field_id }))).not.toHaveProperty('field_id')
    expect(await hashIn(raw({ field_id }))).toBe(await hashIn(raw({ field_id: undefined })))
  })

  it('has the documented spelling where two keys are one, wherever it stands, else the last', async () => {
    const one = await hashIn(raw({ task_id: '"1"' }))
    expect(await hashIn(raw({ task_id: '"1"', TaskId: '"2"' }))).toBe(one)
    expect(await hashIn(raw({ task_id: undefined, TaskId: '"2"', taskID: '"1"' }))).toBe(one)
    expect(await hashIn(raw({ task_id: '"2"' }).replace('{', '{"TaskId":"1",'))).not.toBe(one)
    expect(await hashIn(raw({ task_id: '"2"' }).replace(/}$/, ',"task_id":"1"}'))).toBe(one)
    expect(await hashIn(raw({ task_id: '"1"' }).replace('{', '{"TaskId":"2",'))).toBe(one)
  })

  it('is another with anything that differs, and each difference is another', async () => {
    const titles = new Map([[await hashIn(raw()), 'the usual callback']])
    for (const [title, body] of DIFFERENCES) {
      const hash = await hashIn(body)
      expect(titles.get(hash), title).toBeUndefined()
      titles.set(hash, title)
    }
  })

  it('has a hash of 64 hexadecimal digits', async () => {
    expect(await hashIn(raw())).toMatch(/^[0-9a-f]{64}$/)
  })
})

function canonicalStatement(said: Statement): string {
  return JSON.stringify({ ...said, extra: Object.entries(said.extra).toSorted() })
}
