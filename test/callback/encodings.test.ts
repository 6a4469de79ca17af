import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { charsets, encodeAs, type Fields, type Manner, packings, shapeNames } from '../../tools/zegocloud/encodings.ts'
import { sign } from '../callbacks.ts'
import { anyText, readBody } from './bodies.ts'

/** In no other encoding the same characters: GBK of the first two is not UTF-8. */
const certain = (text: fc.Arbitrary<string>) => text.map((rest) => `截图${rest}`)

const han = fc.string({
  unit: fc.constantFrom('图', '片', '囊', '啊', '龥', '€', '㐀', 'é', 'ß', '😀', 'a', '%', '+', '"', '\\', ' '),
})
/** Versions of GB18030 differ in characters for private use. */
const publicText = anyText.filter((each) => !/\p{Co}/u.test(each))
const text = certain(fc.oneof(han, publicText))
const id = text.filter((value) => !/\p{Cc}/u.test(value))

const callback = fc.record({
  task_id: id,
  field_id: id,
  appid: certain(han),
  note: text,
  snapshot_pic_list: fc.array(
    fc.record({
      url: fc.oneof(text, fc.constantFrom('', null, undefined)),
      offset: fc.double({ noNaN: true, min: 0, max: 1e9 }),
    }),
    { maxLength: 4 },
  ),
})

const signed = (fields: Fields): Fields => {
  const [timestamp, nonce] = ['1700000000', '7348807134281767609']
  return {
    event: 'snapshot',
    vendor: 'tencent',
    timestamp,
    nonce,
    signature: sign('secret', timestamp, nonce),
    ...fields,
  }
}

const manners = shapeNames.flatMap((shape) => charsets.map((charset) => ({ shape, charset })))

const recordOf = async (fields: Fields, manner: Manner, headers: object = {}) => {
  const { snapshot, content } = await readBody({ ...encodeAs(fields, manner), ...headers })
  if ('reason' in snapshot) throw new Error(snapshot.detail)
  return { record: snapshot.record, content }
}

describe('a callback', () => {
  it.each(manners)('as $shape in $charset is the same record, packed or not, declared or not', async (manner) => {
    const packing = fc.constantFrom(undefined, ...packings)
    const contentType = `text/plain; charset=${manner.charset}`
    const headers = fc.constantFrom({}, { contentEncoding: undefined }, { contentType })
    await fc.assert(
      fc.asyncProperty(callback, packing, headers, async ({ note, ...fields }, packed, said) => {
        const sent = signed({ ...fields, note })
        const usual = await recordOf(sent, { shape: 'json' })
        const snapshot_pic_list = fields.snapshot_pic_list.map(({ url, ...rest }) => ({ ...rest, url: url ?? '' }))
        expect(usual.record).toMatchObject({ ...fields, snapshot_pic_list, extra: { note } })
        expect(await recordOf(sent, { ...manner, packing: packed }, said)).toEqual(usual)
      }),
      { numRuns: 15 },
    )
  })

  it('is the same record whatever its headers claim', async () => {
    const sent = signed({ task_id: '截图', appid: '1', note: '图', snapshot_pic_list: [{ url: '截图', offset: 1 }] })
    const usual = await recordOf(sent, { shape: 'json' })
    const types = ['', 'nonsense', 'multipart/form-data; boundary=other', 'text/html; charset=utf-8']
    const lies = ['text/plain; charset=utf-16le', 'text/plain; charset="none such"', 'application/json;charset=utf-16']
    for (const contentType of [...types, ...lies, null]) {
      for (const contentEncoding of ['gzip', 'x-deflate, gzip', undefined]) {
        for (const manner of manners) {
          const found = await recordOf(sent, manner, { contentType, contentEncoding })
          expect(found, JSON.stringify({ ...manner, contentType, contentEncoding })).toEqual(usual)
        }
      }
    }
  })
})
