import { describe, expect, it } from 'vitest'
import { hashIn, picturesIn, raw, read, withList, withPicture } from './bodies.ts'

const NO_LISTS = [
  ['0', 'false', 'true', '{}', '"x"', '"{}"', '"[{\\"url\\":"', '"%5B%"', '"%5B%7B%7D"', '"0"', '[[]]', '[null]'],
  ['["u"]', '[{"url":1}]', '[{"url":["u"]}]', '[{"url[0]":"u"}]', '[{"Url.x":"u"}]', '[{"url":null,"url_0":"u"}]'],
  ['9007199254740993', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, `"${'['.repeat(100_000)}"`],
].flat()

const NO_OFFSETS = [
  ['true', '{}', '[]', '[1]', '"x"', '"1,5"', '"0x10"', '"1000ms"', '"NaN"', '"Infinity"', '"."', '"--1"', '" "'],
  ['"١٠"', '1e400', '"1e400"', '9007199254740993', '"9007199254740993"', '-9007199254740993'],
].flat()

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

describe('a picture without a URL', () => {
  it.each(['{"offset":1,"code":3}', '{"url":null,"offset":1,"code":3}', '{"url":"","offset":1,"code":3}'])(
    'is kept with "" for it, and its other fields: %s',
    async (picture) => {
      const body = withList(`[{"url":"a"},${picture},{"url":"b"}]`)
      expect(picturesIn(body)).toEqual([{ url: 'a' }, { url: '', offset: 1, code: 3 }, { url: 'b' }])
      expect(await hashIn(body)).toBe(
        await hashIn(withList('[{"url":"a"},{"code":3,"offset":1,"url":""},{"url":"b"}]')),
      )
    },
  )

  it('may be each of them', () => {
    expect(picturesIn(withList('[{},{"url":null},{"offset":2},{"URL":""},{"url_type":1}]'))).toEqual([
      { url: '' },
      { url: '' },
      { url: '', offset: 2 },
      { url: '' },
      { url: '', url_type: 1 },
    ])
  })

  it('has it under another spelling, if there is one', () => {
    expect(picturesIn(withList('[{"url":null,"Url":"u"}]'))).toEqual([{ url: 'u' }])
  })
})
