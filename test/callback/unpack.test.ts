import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { bytesOf, ROW_LIMIT_BYTES } from '../../src/callback/bytes.ts'
import { decodeBody } from '../../src/callback/read.ts'
import { encodeAs, shapeNames } from '../../tools/zegocloud/encodings.ts'
import { signedCallback } from '../callbacks.ts'
import { readBody } from './bodies.ts'

const read = (bytes: Uint8Array) => decodeBody({ bytes, contentType: null, contentEncoding: null })

/** JSON of as many bytes. */
const sized = (length: number) => bytesOf(`{"event":"${'x'.repeat(length - 12)}"}`)

const PACKERS = {
  gzip: (bytes: Uint8Array) => gzipSync(bytes),
  deflate: (bytes: Uint8Array) => deflateSync(bytes),
  'deflate without a header of its own': (bytes: Uint8Array) => deflateRawSync(bytes),
  'gzip, twice': (bytes: Uint8Array) => gzipSync(gzipSync(bytes)),
  'deflate of gzip': (bytes: Uint8Array) => deflateRawSync(gzipSync(bytes)),
}

describe('a packed body', () => {
  it.each(Object.entries(PACKERS))('of %s may unpack to 1,900,000 bytes and no more', async (_, pack) => {
    expect(await read(pack(sized(ROW_LIMIT_BYTES)))).toHaveProperty('fields')
    expect(await read(pack(sized(ROW_LIMIT_BYTES + 1)))).toEqual({ code: 'body_too_large' })
  })

  it('is not unpacked further than that, however small it is', async () => {
    const bomb = gzipSync(new Uint8Array(20_000_000)) // 20 kB
    for (const bytes of [bomb, gzipSync(bomb)]) expect(await read(bytes)).toEqual({ code: 'body_too_large' })
  })

  it('may be packed twice, and not three times', async () => {
    const three = gzipSync(gzipSync(gzipSync(sized(100))))
    expect(await read(three)).toMatchObject({ code: 'undecodable' })
  })

  it.each(['gzip', 'deflate'] as const)('of %s that is cut or damaged is no callback', async (name) => {
    const packed = PACKERS[name](sized(1_000))
    const damaged = packed.map((byte, index) => (index === 20 ? byte ^ 1 : byte))
    for (const bytes of [packed.subarray(0, -1), packed.subarray(0, 12), damaged]) {
      expect(await read(bytes), String(bytes.length)).toMatchObject({ code: 'undecodable' })
    }
  })

  it('that only claims to be packed is read as it is', async () => {
    const fields = signedCallback()
    for (const shape of shapeNames) {
      const body = encodeAs(fields, { shape })
      for (const contentEncoding of ['gzip', 'deflate', 'x-deflate, gzip']) {
        expect((await readBody({ ...body, contentEncoding })).task_id, shape).toBe(fields.task_id)
      }
    }
  })

  it.each(['x^', 'hC', '8O', 'X%C3%85', '\u001f\u008b\b'])('is not one because it begins with %j', async (start) => {
    expect(await read(bytesOf(`${start}=1&event=2`))).toHaveProperty('fields')
  })
})
