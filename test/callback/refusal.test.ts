import { expect, it } from 'vitest'
import { describeRefusal, type Refusal } from '../../src/callback/refusal.ts'

/** One of each, by code: a new code does not compile before it is here. */
const REJECTIONS: { [Code in Refusal['code']]: [Extract<Refusal, { code: Code }>, status: number, words: RegExp] } = {
  body_too_large: [{ code: 'body_too_large' }, 413, /1900000 bytes/],
  undecodable: [{ code: 'undecodable', why: 'it is odd' }, 400, /it is odd.*event or signature/],
  bad_signature: [
    { code: 'bad_signature' },
    401,
    /If ZEGOCLOUD sent it, ZEGO_CALLBACK_SECRET is wrong.*CallbackSecret.*not the ServerSecret/,
  ],
  unknown_app: [{ code: 'unknown_app' }, 401, /appid.*quarantine.*ZEGO_CALLBACK_SECRET/],
  invalid_timestamp: [{ code: 'invalid_timestamp' }, 401, /10 digits.*13 digits.*quarantine/],
  stale: [{ code: 'stale', ageSeconds: 601 }, 401, /601 s ago.*SIGNATURE_TOLERANCE_SECONDS.*quarantine/],
  wrong_path: [{ code: 'wrong_path' }, 404, /not the URL for callbacks.*CALLBACK_PATH_TOKEN/],
  signature_reused: [{ code: 'signature_reused' }, 409, /one content.*forged.*quarantine/],
  not_configured: [
    { code: 'not_configured', setting: 'ZEGO_CALLBACK_SECRET', why: 'it is not set' },
    503,
    /ZEGO_CALLBACK_SECRET cannot be used: it is not set.*npx wrangler secret put ZEGO_CALLBACK_SECRET/,
  ],
  storage_unavailable: [{ code: 'storage_unavailable' }, 503, /send the callback again/],
}

const MORE: [Refusal, number, RegExp][] = [
  [{ code: 'stale', ageSeconds: -700 }, 401, /700 s in the future/],
  ...['SIGNATURE_TOLERANCE_SECONDS', 'ZEGO_API_URL', 'RETENTION_DAYS', 'PLAN'].map(
    (setting): [Refusal, number, RegExp] => [
      { code: 'not_configured', setting, why: 'it cannot be read' },
      503,
      /^(?!.*secret put).*wrangler\.toml/,
    ],
  ),
]

it.each<[Refusal, number, RegExp]>([...Object.values(REJECTIONS), ...MORE])(
  'a refusal of $code has its status, and says what to do',
  (refusal, status, words) => {
    const answer = describeRefusal(refusal)
    expect(answer.status).toBe(status)
    expect(answer.title).toMatch(/^[A-Z][^.]+$/)
    expect(answer.detail).toMatch(words)
    expect(answer.detail).toMatch(/\w$|\.$/)
  },
)
