import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Envelope, envelopeOf, type Secrets, verify as throwing } from '../../src/callback/signature.ts'
import { sign } from '../callbacks.ts'
import { anyString, anyText } from './arbitraries.ts'
import { decodeOrRefusal, refusalOf } from './bodies.ts'

const verify = (envelope: Envelope, secrets: Secrets) => refusalOf(() => throwing(envelope, secrets))

const BAD_SIGNATURE = { code: 'bad_signature' }
const UNKNOWN_APP = { code: 'unknown_app' }

const everyApp = (...secrets: string[]): Secrets => ({ everyApp: secrets, byApp: new Map() })
const byApp = (apps: Record<string, string[]>): Secrets => ({ everyApp: [], byApp: new Map(Object.entries(apps)) })

/** Signed with the secret, by app 12345. */
function signed(secret: string, timestamp = '1700000000', nonce = '158243'): Envelope {
  return { appid: '12345', timestamp, nonce, signature: sign(secret, timestamp, nonce) }
}

const NO_SIGNATURES = [
  ['', '0', 'signature', '0'.repeat(39), '0'.repeat(41), '0'.repeat(42), 'g'.repeat(40), `${'0'.repeat(40)}\n`],
  [' '.repeat(40), '０'.repeat(40), '\u0000'.repeat(40), `0x${'0'.repeat(38)}`, 'zz'.repeat(100_000)],
].flat()

describe('a signature', () => {
  it('is over the three strings in the order of their bytes, whatever they are', async () => {
    // Texts that begin alike, and characters that UTF-16 units and bytes sort differently.
    const likeAnother = fc.string({ unit: fc.constantFrom('a', 'b', '\uff61', '\ud83d\ude00', '\ud800'), maxLength: 4 })
    const text = fc.oneof(anyText, anyString, likeAnother)
    await fc.assert(
      fc.asyncProperty(text, text, text, async (secret, timestamp, nonce) => {
        expect(await verify(signed(secret, timestamp, nonce), everyApp(secret))).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  it('is refused where one bit of it is another', async () => {
    const envelope = signed('secret')
    for (let at = 0; at < 40; at += 1) {
      const digit = (Number.parseInt(envelope.signature[at]!, 16) ^ 1).toString(16)
      const signature = envelope.signature.slice(0, at) + digit + envelope.signature.slice(at + 1)
      expect(await verify({ ...envelope, signature }, everyApp('secret'))).toEqual(BAD_SIGNATURE)
    }
  })

  it.each(NO_SIGNATURES)('is never %j', async (signature) => {
    expect(await verify({ ...signed('secret'), signature }, everyApp('secret'))).toEqual(BAD_SIGNATURE)
  })

  it('is refused for another timestamp or nonce', async () => {
    const envelope = signed('secret')
    expect(await verify({ ...envelope, timestamp: '1700000001' }, everyApp('secret'))).toEqual(BAD_SIGNATURE)
    expect(await verify({ ...envelope, nonce: '158244' }, everyApp('secret'))).toEqual(BAD_SIGNATURE)
    expect(await verify({ ...envelope, nonce: '' }, everyApp('secret'))).toEqual(BAD_SIGNATURE)
  })
})

describe('timestamp and nonce', () => {
  it('have at most 1,024 characters', async () => {
    const nonce = (length: number) => '9'.repeat(length - '1700000000'.length)
    expect(await verify(signed('secret', '1700000000', nonce(1_024)), everyApp('secret'))).toBeUndefined()
    expect(await verify(signed('secret', '1700000000', nonce(1_025)), everyApp('secret'))).toEqual(BAD_SIGNATURE)
    expect(await verify(signed('secret', nonce(1_025), '1700000000'), everyApp('secret'))).toEqual(BAD_SIGNATURE)
  })
})

describe('without a secret', () => {
  it.each(['', 'undefined', 'null', '[object Object]', 'secret'])(
    'nothing is accepted, not even signed with %j',
    async (secret) => {
      for (const secrets of [everyApp(), byApp({}), byApp({ '12345': [] })]) {
        expect(await verify(signed(secret), secrets)).toEqual(BAD_SIGNATURE)
      }
    },
  )
})

describe('while secrets are rotated', () => {
  it.each(['new', 'old', 'older'])('the %s one is good', async (secret) => {
    expect(await verify(signed(secret), everyApp('new', 'old', 'older'))).toBeUndefined()
    expect(await verify(signed(secret), byApp({ '12345': ['new', 'old', 'older'] }))).toBeUndefined()
  })
})

describe('with several apps', () => {
  const secrets = byApp({ '12345': ['mine', 'mine before'], '678': ['theirs'] })

  it.each(['mine', 'mine before'])("an app's own secret is good: %s", async (secret) => {
    expect(await verify(signed(secret), secrets)).toBeUndefined()
  })

  it("another app's secret is known, but not good", async () => {
    expect(await verify(signed('theirs'), secrets)).toEqual(UNKNOWN_APP)
  })

  it.each([undefined, '', '999', '__proto__', 'constructor', ' 12345', '012345', '12345.0'])(
    'the app %j is unknown',
    async (appid) => {
      expect(await verify({ ...signed('mine'), appid }, secrets)).toEqual(UNKNOWN_APP)
    },
  )

  it('a secret of none is a bad signature, whatever the app', async () => {
    for (const appid of ['12345', '999', undefined]) {
      expect(await verify({ ...signed('nobody'), appid }, secrets)).toEqual(BAD_SIGNATURE)
    }
  })
})

describe('the envelope', () => {
  const envelopeIn = (body: string) => {
    const decoded = decodeOrRefusal(body)
    if ('code' in decoded) throw new Error(decoded.why)
    return envelopeOf(decoded.fields)
  }

  it('has the digits of numbers as they were sent', () => {
    const body = '{"appid":12345,"timestamp":1700000000,"nonce":7348807134281767609,"signature":"ab"}'
    expect(envelopeIn(body)).toEqual({
      appid: '12345',
      timestamp: '1700000000',
      nonce: '7348807134281767609',
      signature: 'ab',
    })
  })

  it('has the signature in lower case', () => {
    expect(envelopeIn('{"Signature":"ABCDEF"}').signature).toBe('abcdef')
  })

  it.each(['null', 'true', '{}', '["1"]'])('takes no text from %s', (json) => {
    const body = `{"appid":${json},"timestamp":${json},"nonce":${json},"signature":${json}}`
    expect(envelopeIn(body)).toEqual({ appid: undefined, timestamp: '', nonce: '', signature: '' })
  })

  it('takes none from what is absent', () => {
    expect(envelopeIn('{"event":""}')).toEqual({ appid: undefined, timestamp: '', nonce: '', signature: '' })
  })
})
