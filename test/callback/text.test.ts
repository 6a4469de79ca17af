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

const inForm = (more: string) => FORM_BODY.replace('?', more)
const escaped = (bytes: string) => Array.from(latin(bytes), (byte) => `%${byte.toString(16)}`).join('')

/** The bytes in JSON and in a form, percent-encoded or not. */
const around = (bytes: string) => [JSON_BODY.replace('?', bytes), inForm(bytes), inForm(escaped(bytes))]

describe('the characters of a body', () => {
  it.each<[string, bodies: string[], text: string, contentType?: string]>([
    ['UTF-8, whatever is declared', around('\xc3\xa9'), 'é', 'text/plain; charset=gbk'],
    ['GBK, where UTF-8 is declared', around('\xc4\xe3\xba\xc3'), '你好', 'text/plain; charset=utf-8'],
    ['GBK, where UTF-16 is declared', around('\xc4\xe3\xba\xc3'), '你好', 'text/plain; charset=utf-16le'],
    ['UTF-8, where GBK would have a common word', around('\xcd\xbc\xc6\xac'), 'ͼƬ'],
    ['UTF-8, where GBK would have one character', around('\xc6\xb4'), 'ƴ'],
    ['Big5, where it is declared', around('\xa7\x41\xa6\x6e'), '你好', 'text/plain; charset=big5'],
    ['Latin-1, where it is declared', around('\xe9'), 'é', 'text/plain; charset=ISO-8859-1'],
    ['Latin-1, declared in quotes', around('\xe9'), 'é', 'text/plain; Charset="latin1"; x=y'],
    ['GBK whose second byte is a backslash, as before a quote', around('\x81\x5c'), '乗'],
    ['GBK whose second byte is a letter, which PHP leaves as it is', [inForm('%81A')], '丄'],
    ['GBK all over a form, where a field alone would be UTF-8', [inForm('%c4%d2&note=%c4%e3')], '囊'],
    ['UTF-8 with the U+FFFD that was sent', [inForm('%EF%BF%BD%2B%zz')], '\uFFFD+%zz'],
    ['UTF-8, where a U+FFFD was sent as Latin-1', [inForm('%EF%BF%BD%zz')], '\uFFFD%zz', 'text/plain; charset=latin1'],
    ['UTF-8, where a U+FFFD was sent as GBK', [inForm('%EF%BF%BD%zz')], '\uFFFD%zz', 'text/plain; charset=gbk'],
  ])('are those of %s', async (_, bodies, text, contentType) => {
    for (const body of bodies) expect(await moreIn(body, contentType)).toBe(text)
  })

  it.each(['utf-16le', 'utf-16be'] as const)('in %s are known by their mark alone', async (charset) => {
    const bytes = toBytes(JSON_BODY, charset)
    expect((await readBody({ bytes, contentType: null })).task_id).toBe('7')
    const unmarked = { bytes: bytes.subarray(2), contentType: `text/plain; charset=${charset}`, contentEncoding: null }
    expect(await refusalOf(() => decode(unmarked))).toMatchObject({ code: 'undecodable' })
  })
})

describe('bytes that fit no encoding', () => {
  const HOPELESS = ['\xff', '\xc4', '\xc3\x28\xff', '\xed\xa0\x80\xff']

  it.each(HOPELESS)('keep the callback from being stored: %j', async (bytes) => {
    const detail = expect.stringContaining('not valid in UTF-8, in GB18030')
    for (const body of around(bytes))
      expect((await read(body)).snapshot).toEqual({ reason: 'invalid_snapshot', detail })
    const list = `"snapshot_pic_list":"%5B%7B%22url%22:%22${escaped(bytes)}%22%7D%5D"`
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
