/** Why a callback is refused: a closed list. The caller gets its code and what to do about it; the log gets the rest. */
import { ROW_LIMIT_BYTES } from './bytes.ts'

export type Refusal =
  | { code: 'body_too_large' }
  | { code: 'undecodable'; why: string }
  | { code: 'bad_signature' }
  | { code: 'unknown_app' }
  | { code: 'invalid_timestamp' }
  | { code: 'stale'; ageSeconds: number }
  | { code: 'signature_reused' }
  | { code: 'not_configured'; setting: string; why: string }
  | { code: 'storage_unavailable' }

/** Settings that are no secrets: they stand in wrangler.toml. */
const VARS: ReadonlySet<string> = new Set(['SIGNATURE_TOLERANCE_SECONDS', 'ZEGO_API_URL', 'RETENTION_DAYS', 'PLAN'])

/** A problem's members, as RFC 9457 names them. `more` has what a client may want to act on. */
type Description = { status: number; title: string; detail: string; more?: Record<string, unknown> }

export function describeRefusal(refusal: Refusal): Description {
  switch (refusal.code) {
    case 'body_too_large':
      return {
        status: 413,
        title: 'The body is too large',
        detail: `A callback may have at most ${ROW_LIMIT_BYTES} bytes, packed or unpacked, because a larger record does not fit a row of D1. Ask ZEGOCLOUD for fewer screenshots per task.`,
      }
    case 'undecodable':
      return {
        status: 400,
        title: 'No callback can be read from the body',
        detail: `The body was not understood: ${refusal.why}. Send JSON or form parameters with at least event or signature.`,
      }
    case 'bad_signature':
      return {
        status: 401,
        title: 'The signature does not match',
        detail:
          'No configured secret gives this signature. If ZEGOCLOUD sent it, ZEGO_CALLBACK_SECRET is wrong. It must be the CallbackSecret of the ZEGOCLOUD console (Project Configuration), not the ServerSecret. Set it with: npx wrangler secret put ZEGO_CALLBACK_SECRET',
      }
    case 'unknown_app':
      return {
        status: 401,
        title: 'The secret belongs to another app',
        detail:
          "The signature was made with a configured secret that does not belong to the callback's appid. Add this appid with: npx wrangler secret put ZEGO_CALLBACK_SECRET. The callback is kept in the quarantine.",
      }
    case 'invalid_timestamp':
      return {
        status: 401,
        title: 'The timestamp is not a Unix time in seconds or milliseconds',
        detail:
          'A timestamp must have 10 digits (seconds) or 13 digits (milliseconds). The callback is kept in the quarantine.',
      }
    case 'stale':
      return {
        status: 401,
        title: 'The timestamp is too far from now',
        detail: `The callback was signed ${describeAge(refusal.ageSeconds)}. Check the sender's clock, or raise SIGNATURE_TOLERANCE_SECONDS in wrangler.toml and deploy. The callback is kept in the quarantine.`,
        more: { age_seconds: refusal.ageSeconds },
      }
    case 'signature_reused':
      return {
        status: 409,
        title: 'The signature was already used for other content',
        detail:
          'A signature is valid for one content only, and this one was already used for different content: one of the two bodies is forged. This body is kept in the quarantine.',
      }
    case 'not_configured':
      return {
        status: 503,
        title: 'The receiver is not configured',
        detail: `${refusal.setting} cannot be used: ${refusal.why}. ${howToSet(refusal.setting)}`,
        more: { setting: refusal.setting },
      }
    case 'storage_unavailable':
      return {
        status: 503,
        title: 'The callback could not be stored',
        detail: 'D1, the queue and KV are all unavailable. Nothing was stored: send the callback again.',
      }
  }
}

function describeAge(seconds: number): string {
  return seconds >= 0 ? `${seconds} s ago` : `${-seconds} s in the future`
}

function howToSet(setting: string): string {
  if (VARS.has(setting)) return 'Fix it under [vars] in wrangler.toml, and deploy.'
  return `Set it with: npx wrangler secret put ${setting}`
}
