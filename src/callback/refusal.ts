/** Why a callback is refused: a closed list. The caller hears its code and what to do; the log hears the rest. */
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

export const BODY_LIMIT_BYTES = 1_900_000

/** `more` holds what a client may want to act on. */
type RefusalAnswer = { status: number; title: string; detail: string; more?: Record<string, unknown> }

/** The answer to a refusal: its status, and words for whoever reads the answer. */
export function answerOf(refusal: Refusal): RefusalAnswer {
  switch (refusal.code) {
    case 'body_too_large':
      return {
        status: 413,
        title: 'The body is too large',
        detail: `A callback has at most ${BODY_LIMIT_BYTES} bytes: a larger record does not fit a row of D1. Ask ZEGOCLOUD for fewer screenshots a task.`,
      }
    case 'undecodable':
      return {
        status: 400,
        title: 'No callback can be read from the body',
        detail: `The body was not understood: ${refusal.why}. Send JSON, or form parameters, with at least event or signature.`,
      }
    case 'bad_signature':
      return {
        status: 401,
        title: 'The signature does not match',
        detail:
          'No configured secret gives this signature. Check that ZEGO_CALLBACK_SECRET is the CallbackSecret of the ZEGOCLOUD console (Project Configuration), not the ServerSecret.',
      }
    case 'unknown_app':
      return {
        status: 401,
        title: 'The secret belongs to another app',
        detail:
          "The signature matches a configured secret, but not one of the callback's own appid. Add this appid to ZEGO_CALLBACK_SECRET; the callback is kept in the quarantine.",
      }
    case 'invalid_timestamp':
      return {
        status: 401,
        title: 'The timestamp is none',
        detail:
          'A timestamp has 10 digits (seconds) or 13 digits (milliseconds). The callback is kept in the quarantine.',
      }
    case 'stale':
      return {
        status: 401,
        title: 'The timestamp is too far from now',
        detail: `The callback was signed ${describeAge(refusal.ageSeconds)}. Check the clock of the sender, or raise SIGNATURE_TOLERANCE_SECONDS; the callback is kept in the quarantine.`,
        more: { age_seconds: refusal.ageSeconds },
      }
    case 'signature_reused':
      return {
        status: 409,
        title: 'The signature came with other content before',
        detail:
          'A signature is good for one content, and this one is taken: one of the two bodies is forged. This one is kept in the quarantine.',
      }
    case 'not_configured':
      return {
        status: 503,
        title: 'The receiver is not configured',
        detail: `${refusal.setting} cannot be used: ${refusal.why}. ${settingIt(refusal.setting)}`,
        more: { setting: refusal.setting },
      }
    case 'storage_unavailable':
      return {
        status: 503,
        title: 'Nothing could store the callback',
        detail: 'Send it again: nothing was lost yet, and nothing was stored.',
      }
  }
}

function describeAge(seconds: number): string {
  return seconds >= 0 ? `${seconds} s ago` : `${-seconds} s in the future`
}

function settingIt(setting: string): string {
  if (setting === 'SIGNATURE_TOLERANCE_SECONDS') return 'Mend it under [vars] in wrangler.toml, and deploy.'
  return `Set it with: npx wrangler secret put ${setting}`
}
