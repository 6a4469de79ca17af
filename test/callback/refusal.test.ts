import { describe, expect, it } from 'vitest'
import { describeRefusal, type Refusal } from '../../src/callback/refusal.ts'
import { post, signedCallback } from '../callbacks.ts'

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

describe('a refusal', () => {
  it.each(Object.values(REJECTIONS))('of $code is answered with %i, and says what to do', (refusal, status, words) => {
    const answer = describeRefusal(refusal)
    expect(answer.status).toBe(status)
    expect(answer.title).toMatch(/^[A-Z][^.]+$/)
    expect(answer.detail).toMatch(words)
    expect(answer.detail).toMatch(/\w$|\.$/)
  })

  it('tells a clock that is ahead from one that is behind', () => {
    expect(describeRefusal({ code: 'stale', ageSeconds: -700 }).detail).toContain('700 s in the future')
    expect(describeRefusal({ code: 'stale', ageSeconds: 700 }).detail).toContain('700 s ago')
  })

  it('says where a setting that is no secret is fixed', () => {
    for (const setting of ['SIGNATURE_TOLERANCE_SECONDS', 'ZEGO_API_URL', 'RETENTION_DAYS', 'PLAN']) {
      const { detail } = describeRefusal({ code: 'not_configured', setting, why: 'it cannot be read' })
      expect(detail).toContain('wrangler.toml')
      expect(detail).not.toContain('secret put')
    }
  })

  it.each([
    ['undecodable', 'nonce=5ec2e7&secret=secret-value'],
    ['bad_signature', { ...signedCallback(), signature: 'f'.repeat(40) }],
    ['invalid_timestamp', signedCallback({ timestamp: '123' })],
    ['stale', signedCallback({ timestamp: '1600000000' })],
  ])('of %s repeats neither the signature nor what was sent', async (code, body) => {
    const answer = await post(body)
    const text = await answer.text()
    expect(JSON.parse(text)).toMatchObject({ code, type: `urn:zego-snapshots:problem:${code}`, status: answer.status })
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    const sent = typeof body === 'string' ? ['5ec2e7', 'secret-value'] : [body.signature, body.nonce, body.task_id]
    for (const value of sent) expect(text).not.toContain(value)
  })
})
