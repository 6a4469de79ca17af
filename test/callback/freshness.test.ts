import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkFreshness as throwing, latestClaim, timeOf } from '../../src/callback/signature.ts'
import { sign } from '../callbacks.ts'
import { refusalOf } from './bodies.ts'
import resplit from '../wire/resplit.json'

const checkFreshness = (...given: Parameters<typeof throwing>) => refusalOf(() => throwing(...given))

const NOW = 1_700_000_000_000

/** Received so late that every timestamp counts. */
const END_OF_TIME = 9_999_999_999_999

const NO_TIMESTAMPS = [
  ['', '170000000', '17000000000', '170000000000', '17000000000000', '+170000000', '-170000000', '1.70000000'],
  [
    ' 1700000000',
    '1700000000 ',
    '1700000000\n',
    '\n1700000000',
    '1700000000\u0000',
    '١٧٠٠٠٠٠٠٠٠',
    '１７００００００００',
  ],
  ['0x65500000', '1700000e03', '17000000_0', 'now', 'NaN', 'Infinity', '1700000000,1700000000'],
].flat()

describe('a timestamp', () => {
  it('has 10 digits of seconds', () => {
    expect(timeOf('1700000000')).toBe(1_700_000_000_000)
    expect(timeOf('0000000000')).toBe(0)
  })

  it('or 13 digits of milliseconds', () => {
    expect(timeOf('1747121418250')).toBe(1_747_121_418_250)
  })

  it.each(NO_TIMESTAMPS)('is not %j', async (timestamp) => {
    expect(timeOf(timestamp)).toBeUndefined()
    expect(await checkFreshness(timestamp, NOW, 600)).toEqual({ code: 'invalid_timestamp' })
    expect(await checkFreshness(timestamp, NOW, 0)).toEqual({ code: 'invalid_timestamp' })
  })
})

describe('a timestamp is fresh', () => {
  it.each([
    ['now', '1700000000'],
    ['600 s ago', '1699999400'],
    ['600 s ahead', '1700000600'],
    ['now, in milliseconds', '1700000000000'],
    ['600,000 ms ago', '1699999400000'],
    ['600,000 ms ahead', '1700000600000'],
  ])('%s', async (_, timestamp) => {
    expect(await checkFreshness(timestamp, NOW, 600)).toBeUndefined()
  })

  it('at any age while the age is not checked', async () => {
    for (const timestamp of ['0000000000', '9999999999', '0000000000000', '9999999999999']) {
      expect(await checkFreshness(timestamp, NOW, 0)).toBeUndefined()
    }
  })
})

describe('a timestamp is stale', () => {
  it.each([
    ['601 s ago', '1699999399', 601],
    ['601 s ahead', '1700000601', -601],
    ['600,001 ms ago', '1699999399999', 600],
    ['600,001 ms ahead', '1700000600001', -600],
    ['ten digits of 1970', '0000000001', 1_699_999_999],
    ['ten digits of the year 2286', '9999999999', -8_299_999_999],
  ])('%s', async (_, timestamp, ageSeconds) => {
    expect(await checkFreshness(timestamp, NOW, 600)).toEqual({ code: 'stale', ageSeconds })
  })

  it('one second out where a second is tolerated', async () => {
    expect(await checkFreshness('1699999999', NOW, 1)).toBeUndefined()
    expect(await checkFreshness('1699999998', NOW, 1)).toEqual({ code: 'stale', ageSeconds: 2 })
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

  it('is over within 30 days for nearly all signatures, so that the ledger can forget them', () => {
    const nonce = fc.bigInt({ min: 10n ** 18n, max: 10n ** 19n - 1n }).map(String)
    const nonces = fc.sample(fc.noBias(nonce), { numRuns: 20_000, seed: 1 })
    const lasting = nonces.filter((each) => latestClaim('1700000000', each, NOW) > NOW + 30 * 86_400_000)
    expect(lasting.length / nonces.length).toBeLessThan(0.05)
  })
})
