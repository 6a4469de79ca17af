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
import { anyString, anyText, decodeOrRefusal, refusalOf } from './bodies.ts'

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

  it('is refused where one bit of it, the timestamp or the nonce is another', async () => {
    const envelope = signed('secret')
    const changes: Partial<Envelope>[] = [{ timestamp: '1700000001' }, { nonce: '158244' }, { nonce: '' }]
    for (let at = 0; at < 40; at += 1) {
      const digit = (Number.parseInt(envelope.signature[at]!, 16) ^ 1).toString(16)
      changes.push({ signature: envelope.signature.slice(0, at) + digit + envelope.signature.slice(at + 1) })
    }
    for (const change of changes) {
      expect(await verify({ ...envelope, ...change }, everyApp('secret'))).toEqual(BAD_SIGNATURE)
    }
  })

  it.each(NO_SIGNATURES)('is never %j', async (signature) => {
    expect(await verify({ ...signed('secret'), signature }, everyApp('secret'))).toEqual(BAD_SIGNATURE)
  })

  it.each(['null', 'true', '{}', '["1"]'])('is not read from %s, nor are the other fields', (json) => {
    const decoded = decodeOrRefusal(`{"appid":${json},"timestamp":${json},"nonce":${json},"signature":${json}}`)
    const envelope = 'fields' in decoded && envelopeOf(decoded.fields)
    expect(envelope).toEqual({ appid: undefined, timestamp: '', nonce: '', signature: '' })
  })

  it('is over at most 1,024 characters of timestamp and nonce', async () => {
    const nonce = (length: number) => '9'.repeat(length - '1700000000'.length)
    expect(await verify(signed('secret', '1700000000', nonce(1_024)), everyApp('secret'))).toBeUndefined()
    expect(await verify(signed('secret', '1700000000', nonce(1_025)), everyApp('secret'))).toEqual(BAD_SIGNATURE)
    expect(await verify(signed('secret', nonce(1_025), '1700000000'), everyApp('secret'))).toEqual(BAD_SIGNATURE)
  })
})

describe('the secrets', () => {
  const two = byApp({ '12345': ['new', 'old'], '678': ['theirs'] })

  it.each(['', 'undefined', 'null', '[object Object]', 'secret'])(
    'are none by default: nothing is accepted, not even signed with %j',
    async (secret) => {
      for (const secrets of [everyApp(), byApp({}), byApp({ '12345': [] })]) {
        expect(await verify(signed(secret), secrets)).toEqual(BAD_SIGNATURE)
      }
    },
  )

  it.each(['new', 'old'])('may be several while they are rotated: the %s one is good', async (secret) => {
    expect(await verify(signed(secret), everyApp('new', 'old'))).toBeUndefined()
    expect(await verify(signed(secret), two)).toBeUndefined()
  })

  it("are an app's own: another app's is known, but not good", async () => {
    expect(await verify(signed('theirs'), two)).toEqual(UNKNOWN_APP)
    for (const appid of [undefined, '', '999', '__proto__', 'constructor', ' 12345', '012345', '12345.0']) {
      expect(await verify({ ...signed('new'), appid }, two), appid).toEqual(UNKNOWN_APP)
    }
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

describe('a timestamp', () => {
  it.each(NO_TIMESTAMPS)('is not %j: it is 10 digits of seconds, or 13 of milliseconds', async (timestamp) => {
    expect(timeOf(timestamp)).toBeUndefined()
    expect(await checkFreshness(timestamp, NOW, 600)).toEqual({ code: 'invalid_timestamp' })
    expect(await checkFreshness(timestamp, NOW, 0)).toEqual({ code: 'invalid_timestamp' })
  })

  it.each([
    ['600 s ago', '1699999400', undefined],
    ['600 s ahead', '1700000600', undefined],
    ['600,000 ms ago', '1699999400000', undefined],
    ['600,000 ms ahead', '1700000600000', undefined],
    ['601 s ago', '1699999399', 601],
    ['601 s ahead', '1700000601', -601],
    ['600,001 ms ago', '1699999399999', 600],
    ['600,001 ms ahead', '1700000600001', -600],
    ['of 1970', '0000000001', 1_699_999_999],
    ['of the year 2286', '9999999999', -8_299_999_999],
  ])('%s is fresh, or stale by so many seconds', async (_, timestamp, ageSeconds) => {
    const refusal = ageSeconds === undefined ? undefined : { code: 'stale', ageSeconds }
    expect(await checkFreshness(timestamp, NOW, 600)).toEqual(refusal)
    expect(await checkFreshness(timestamp, NOW, 0)).toBeUndefined()
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
