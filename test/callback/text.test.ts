import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOf } from '../../src/callback/bytes.ts'
import { decode } from '../../src/callback/decode.ts'
import { readBody as readText } from '../../src/callback/text.ts'
import { type Charset, charsets, encodeAs, packings, shapeNames, toBytes } from '../../tools/zegocloud/encodings.ts'
import { signedCallback } from '../callbacks.ts'
import { anyText, rawOf, readBody, refusalOf } from './bodies.ts'

const latin = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))

const JSON_BODY = '{"event":"snapshot","appid":"1","vendor":"hw","task_id":"7","signature":"x","more":"?"}'
const FORM_BODY = 'event=snapshot&appid=1&vendor=hw&task_id=7&signature=x&more=?'

const read = (body: string, contentType: string | null = null) => readBody({ bytes: latin(body), contentType })

async function moreIn(body: string, contentType: string | null = null) {
  const { snapshot } = await read(body, contentType)
  return 'record' in snapshot ? snapshot.record.extra?.more : snapshot.reason
}

describe('the characters of a body', () => {
  it.each([
    ['UTF-8, whatever is declared', '\xc3\xa9', 'é', 'text/plain; charset=gbk'],
    ['GBK, where UTF-8 is declared', '\xc4\xe3\xba\xc3', '你好', 'text/plain; charset=utf-8'],
    ['UTF-8, where GBK would have a common word', '\xcd\xbc\xc6\xac', 'ͼƬ'],
    ['UTF-8, where GBK would have one character', '\xc6\xb4', 'ƴ'],
    ['Big5, where it is declared', '\xa7\x41\xa6\x6e', '你好', 'text/plain; charset=big5'],
    ['Latin-1, where it is declared', '\xe9', 'é', 'text/plain; charset=ISO-8859-1'],
    ['Latin-1, declared in quotes', '\xe9', 'é', 'text/plain; Charset="latin1"; x=y'],
  ])('are those of %s', async (_, bytes, text, contentType: string | null = null) => {
    const escaped = Array.from(latin(bytes), (byte) => `%${byte.toString(16)}`).join('')
    expect(await moreIn(JSON_BODY.replace('?', bytes), contentType)).toBe(text)
    expect(await moreIn(FORM_BODY.replace('?', bytes), contentType)).toBe(text)
    expect(await moreIn(FORM_BODY.replace('?', escaped), contentType)).toBe(text)
  })

  it.each(['utf-16le', 'utf-16be'] as const)('in %s are known by their mark alone', async (charset) => {
    const bytes = toBytes(JSON_BODY, charset)
    expect((await readBody({ bytes, contentType: null })).task_id).toBe('7')
    const unmarked = { bytes: bytes.subarray(2), contentType: `text/plain; charset=${charset}`, contentEncoding: null }
    expect(await refusalOf(() => decode(unmarked))).toMatchObject({ code: 'undecodable' })
  })

  it('may have a second byte that is ASCII, percent-encoded or not', async () => {
    // PHP leaves letters as they are: 丄 is %81A. 乗 has the bytes 81 5C.
    expect(await moreIn(FORM_BODY.replace('?', '%81A'))).toBe('丄')
    expect(await moreIn(FORM_BODY.replace('?', '%81%5C'))).toBe('乗')
    expect(await moreIn(FORM_BODY.replace('?', '\x81\x5c'))).toBe('乗')
    // Between the quotes of JSON it looks like an escape of the quote.
    expect(await moreIn(JSON_BODY.replace('?', '\x81\x5c\x81\x5c'))).toBe('乗乗')
  })

  it('are read in one encoding all over a form', async () => {
    // 囊 alone is also valid UTF-8, as another character.
    expect(await moreIn(FORM_BODY.replace('?', '%c4%d2') + '&note=%c4%e3')).toBe('囊')
  })

  it('keep a U+FFFD that was sent', async () => {
    for (const contentType of [null, 'text/plain; charset=latin1', 'text/plain; charset=gbk']) {
      expect(await moreIn(FORM_BODY.replace('?', '%EF%BF%BD%2B%zz'), contentType)).toBe('\uFFFD+%zz')
    }
  })
})

describe('bytes that fit no encoding', () => {
  const HOPELESS = ['\xff', '\xc4', '\xc3\x28\xff', '\xed\xa0\x80\xff']

  it.each(HOPELESS)('keep the callback from being stored: %j', async (bytes) => {
    const detail = expect.stringContaining('not valid in UTF-8, in GB18030')
    const escaped = Array.from(latin(bytes), (byte) => `%${byte.toString(16)}`).join('')
    for (const body of [
      JSON_BODY.replace('?', bytes),
      FORM_BODY.replace('?', bytes),
      FORM_BODY.replace('?', escaped),
    ]) {
      expect((await read(body)).snapshot).toEqual({ reason: 'invalid_snapshot', detail })
    }
    const list = `"snapshot_pic_list":"%5B%7B%22url%22:%22${escaped}%22%7D%5D"`
    expect((await read(JSON_BODY.replace('"more":"?"', list))).snapshot).toEqual({ reason: 'invalid_snapshot', detail })
  })

  it('are part of the content', async () => {
    const bodies = HOPELESS.map((bytes) => JSON_BODY.replace('?', bytes))
    // The same characters as whole UTF-8 are another content, too.
    const whole = await readBody({ bytes: bytesOf(JSON_BODY.replace('?', 'ÿ')), contentType: null })
    const hashes = await Promise.all(bodies.map(async (body) => (await read(body)).content))
    expect(new Set([...hashes, whole.content]).size).toBe(HOPELESS.length + 1)
  })
})

describe('any bytes', () => {
  const URLS = ['picture1', 'picture2', 'picture3']
  const list = JSON.stringify(URLS.map((url, offset) => ({ url, offset })))
  const fields = signedCallback({ task_id: '截图', snapshot_pic_list: list })
  const urlsIn = (text: string) => URLS.filter((url) => text.includes(url))

  const sound = fc
    .tuple(
      fc.constantFrom(...shapeNames),
      fc.constantFrom<Charset>(...charsets),
      fc.option(fc.constantFrom(...packings), { nil: undefined }),
    )
    .map(([shape, charset, packing]) => encodeAs(fields, { shape, charset, packing }))

  const syntax = fc.constantFrom('--', '\r\n', '\n\n', '&', '[]', '[0]', '"', '},{', '=', '%').map(bytesOf)

  const damage = fc.tuple(
    fc.nat(),
    fc.nat({ max: 3 }),
    fc.oneof(fc.uint8Array({ maxLength: 3 }), syntax, anyText.map(bytesOf)),
  )

  it('are read without an exception, and a stored record has each picture that was sent, and no character that was not', async () => {
    const damaged = fc.tuple(sound, fc.array(damage, { maxLength: 3 })).map(([body, damages]) => {
      let bytes = body.bytes
      for (const [place, removed, put] of damages) {
        const at = place % (bytes.length + 1)
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...put, ...bytes.subarray(at + removed)])
      }
      return {
        ...body,
        bytes,
        sent: body.contentEncoding?.includes('gzip') ? URLS : urlsIn(readText(bytes, null).text),
        hasReplacement: damages.some(([, , put]) => readText(put, null).text.includes('\uFFFD')),
      }
    })
    const random = fc.record({ bytes: fc.uint8Array({ maxLength: 200 }), contentType: fc.constant(null) })
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: damaged }, random), async (body) => {
        if (await refusalOf(() => decode(rawOf(body)))) return
        const { snapshot } = await readBody(body)
        if ('reason' in snapshot) return
        if ('sent' in body) expect(urlsIn(JSON.stringify(snapshot.record))).toEqual(expect.arrayContaining(body.sent))
        if ('hasReplacement' in body && body.hasReplacement) return
        expect(JSON.stringify(snapshot.record)).not.toContain('\uFFFD')
      }),
      { numRuns: 1_500 },
    )
  })
})
