import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { bytesOf, ROW_LIMIT_BYTES } from '../../src/callback/bytes.ts'
import { decode } from '../../src/callback/decode.ts'
import { refusalOf } from './bodies.ts'

const refused = (bytes: Uint8Array) => refusalOf(() => decode({ bytes, contentType: null, contentEncoding: null }))

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

  it('is not unpacked further than that, however small it is', async () => {
    const bomb = gzipSync(new Uint8Array(20_000_000)) // 20 kB
    expect(await refused(bomb)).toEqual({ code: 'body_too_large' })
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
