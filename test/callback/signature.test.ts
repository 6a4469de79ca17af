import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Envelope,
  envelopeOf,
  type Secrets,
  verify as verifyOrThrow,
  checkFreshness as checkOrThrow,
  latestClaim,
  timeOf,
} from '../../src/callback/signature.ts'
import { sign } from '../callbacks.ts'
import { anyString, anyText } from './arbitraries.ts'
import { decodeOrRefusal, refusalOf } from './bodies.ts'
import resplit from '../wire/resplit.json'

const verify = (envelope: Envelope, secrets: Secrets) => refusalOf(() => verifyOrThrow(envelope, secrets))

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
})

const checkFreshness = (...given: Parameters<typeof checkOrThrow>) => refusalOf(() => checkOrThrow(...given))

const NOW = 1_700_000_000_000

/** Received so late that every timestamp counts. */
const END_OF_TIME = 9_999_999_999_999

const NO_TIMESTAMPS = [
  ['', '170000000', '17000000000', '170000000000', '17000000000000', '+170000000', '-170000000', '1.70000000'],
  [' 1700000000', '1700000000 ', '1700000000\n', '\n1700000000', '1700000000\u0000', '1700000e03', '17000000_0'],
  ['١٧٠٠٠٠٠٠٠٠', '１７００００００００', '0x65500000', 'now', 'NaN', 'Infinity', '1700000000,1700000000'],
].flat()

describe('the form of a timestamp', () => {
  it('is 10 digits of seconds or 13 of milliseconds', () => {
    expect([timeOf('1700000000'), timeOf('0000000000')]).toEqual([1_700_000_000_000, 0])
    expect(timeOf('1747121418250')).toBe(1_747_121_418_250)
  })

  it.each(NO_TIMESTAMPS)('is not %j', async (timestamp) => {
    expect(timeOf(timestamp)).toBeUndefined()
    expect(await checkFreshness(timestamp, NOW, 600)).toEqual({ code: 'invalid_timestamp' })
    expect(await checkFreshness(timestamp, NOW, 0)).toEqual({ code: 'invalid_timestamp' })
  })
})

describe('a timestamp', () => {
  it.each([
    ['600 s ago', '1699999400'],
    ['600 s ahead', '1700000600'],
    ['600,000 ms ago', '1699999400000'],
    ['600,000 ms ahead', '1700000600000'],
  ])('is fresh %s', async (_, timestamp) => {
    expect(await checkFreshness(timestamp, NOW, 600)).toBeUndefined()
  })

  it('is fresh at any age while the age is not checked', async () => {
    for (const timestamp of ['0000000000', '9999999999', '0000000000000', '9999999999999']) {
      expect(await checkFreshness(timestamp, NOW, 0)).toBeUndefined()
    }
  })

  it.each([
    ['601 s ago', '1699999399', 601],
    ['601 s ahead', '1700000601', -601],
    ['600,001 ms ago', '1699999399999', 600],
    ['600,001 ms ahead', '1700000600001', -600],
    ['of 1970', '0000000001', 1_699_999_999],
    ['of the year 2286', '9999999999', -8_299_999_999],
  ])('is stale %s', async (_, timestamp, ageSeconds) => {
    expect(await checkFreshness(timestamp, NOW, 600)).toEqual({ code: 'stale', ageSeconds })
  })
})

describe('the latest time that a signature can claim', () => {
  it.each([
    ['is the nonce where that is a later timestamp', '1700000000', '1800000000000', 1_800_000_000_000],
    ['may have 10 digits out of both', '1700000000000', '17', 1_717_000_000_000],
    ['may have 13 digits out of both', '1700000000', '999', 1_700_000_000_999],
    ['may end the nonce', '1700000000', '2221800000000', 1_800_000_000_000],
    ['may be five years after the receipt', '1700000000', '9991858112000', 1_858_112_000_000],
    ['is never later than that', '1700000000', '9991858112001', 1_700_000_000_999],
    ['is none for letters', 'now', 'abc', 0],
  ])('%s', (_, timestamp, nonce, latest) => {
    expect(latestClaim(timestamp, nonce, NOW)).toBe(latest)
  })

  it('is the same for every split of the same signature', () => {
    const splits = [resplit.original, ...resplit.pairs]
    const latest = splits.map(({ timestamp, nonce }) => latestClaim(timestamp, nonce, END_OF_TIME))
    expect(latest).toEqual(splits.map(() => 4_121_470_820_198))
  })

  it('bounds whatever timestamp verifies with the signature', () => {
    const digits = fc.string({ unit: fc.constantFrom('0', '1', '2', '7', '9'), maxLength: 26 })
    // Secrets that sort before, among and after digits.
    const secret = fc.constantFrom('!', '5', '1700', 'secret', '')
    fc.assert(
      fc.property(secret, digits, digits, (key, timestamp, nonce) => {
        const signature = sign(key, timestamp, nonce)
        const latest = latestClaim(timestamp, nonce, END_OF_TIME)
        for (const joined of [timestamp + nonce, nonce + timestamp]) {
          for (let at = 0; at <= joined.length; at += 1) {
            const [start, end] = [joined.slice(0, at), joined.slice(at)]
            if (sign(key, start, end) !== signature) continue
            expect(latest).toBeGreaterThanOrEqual(Math.max(timeOf(start) ?? 0, timeOf(end) ?? 0))
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})
