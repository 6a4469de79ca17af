/** Why a callback is refused: a closed list, and what each reason means to whoever reads it. */
import { ROW_LIMIT_BYTES } from './bytes.ts'

export type Refusal =
  | { code: 'body_too_large' }
  | { code: 'undecodable'; why: string }
  | { code: 'bad_signature' }
  | { code: 'unknown_app' }
  | { code: 'invalid_timestamp' }
  | { code: 'stale'; ageSeconds: number }
  | { code: 'signature_reused' }
  /** Kept under this name, and answered as `not_found`: the caller may be anybody. */
  | { code: 'wrong_path' }
  | { code: 'not_configured'; setting: string; why: string }
  | { code: 'storage_unavailable' }

/** What the step that refuses a callback throws. */
export class Refused extends Error {
  override name = 'Refused'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.code)
    this.refusal = refusal
  }
}

/** The value, or `undefined` where a step refuses. */
export async function unlessRefused<Value>(work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

export type RefusalCode = Refusal['code']

type Meaning = {
  status: number
  /** A sentence without its full stop. */
  title: string
  /** The mistake that explains a callback of ZEGOCLOUD's refused so; `null` where it more likely is a stranger's body. */
  likelyCause: string | null
  /** What to do about it, in sentences. */
  remedy: string
  /** The secret that is set to fix it. */
  setting?: string
}

/** The one table of refusals: for the API's problems, the health judgement, the quarantine's pages and doctor. */
export const REFUSALS: Readonly<Record<RefusalCode, Meaning>> = {
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    likelyCause: null,
    remedy: 'Ask ZEGOCLOUD for fewer screenshots per task.',
  },
  undecodable: {
    status: 400,
    title: 'No callback can be read from the body',
    likelyCause: null,
    remedy: 'Send JSON or form parameters with at least event or signature.',
  },
  bad_signature: {
    status: 401,
    title: 'The signature does not match',
    likelyCause: 'wrong secret',
    remedy:
      'If ZEGOCLOUD sent it, ZEGO_CALLBACK_SECRET is wrong. It must be the CallbackSecret of the ZEGOCLOUD console (Project Configuration), not the ServerSecret.',
    setting: 'ZEGO_CALLBACK_SECRET',
  },
  unknown_app: {
    status: 401,
    title: 'The secret belongs to another app',
    likelyCause: 'missing app',
    remedy: 'If the app is yours, add its appid and its CallbackSecret to ZEGO_CALLBACK_SECRET.',
    setting: 'ZEGO_CALLBACK_SECRET',
  },
  wrong_path: {
    status: 404,
    title: 'It was sent to the wrong URL',
    likelyCause: 'wrong URL',
    remedy: 'Compare the URL that ZEGOCLOUD calls with the right one, and its path token with CALLBACK_PATH_TOKEN.',
    setting: 'CALLBACK_PATH_TOKEN',
  },
  invalid_timestamp: {
    status: 401,
    title: 'The timestamp is not a Unix time in seconds or milliseconds',
    likelyCause: 'wrong clock',
    remedy: 'A timestamp must have 10 digits (seconds) or 13 digits (milliseconds).',
  },
  stale: {
    status: 401,
    title: 'The timestamp is too far from now',
    likelyCause: 'wrong clock',
    remedy: "Check the sender's clock, or raise SIGNATURE_TOLERANCE_SECONDS in wrangler.toml and deploy.",
  },
  signature_reused: {
    status: 409,
    title: 'The signature was already used for different content',
    likelyCause: null,
    remedy: 'A signature is valid for one content only: one of the two bodies is forged. Compare them in quarantine.',
  },
  not_configured: {
    status: 503,
    title: 'The receiver is not configured',
    likelyCause: 'missing setting',
    remedy: 'A setting is missing or cannot be used: the health page names it.',
  },
  storage_unavailable: {
    status: 503,
    title: 'The callback could not be stored',
    likelyCause: null,
    remedy: 'D1, the queue and KV are all unavailable. Nothing was stored: send the callback again.',
  },
}

/** Whether a name, as it was noted, is one of these. */
export function isRefusalCode(name: string): name is RefusalCode {
  return Object.hasOwn(REFUSALS, name)
}

/** A problem's members, as RFC 9457 names them. `more` has what a client may want to act on. */
type Description = { status: number; title: string; detail: string; more?: Record<string, unknown> }

export function describeRefusal(refusal: Refusal): Description {
  const { status, title, remedy, setting } = REFUSALS[refusal.code]
  const advice = setting === undefined ? remedy : `${remedy} ${howToSet(setting)}`
  switch (refusal.code) {
    case 'body_too_large': {
      const why = `A callback may have at most ${ROW_LIMIT_BYTES} bytes, packed or unpacked, because a larger record does not fit a row of D1.`
      return { status, title, detail: `${why} ${advice}` }
    }
    case 'undecodable':
      return { status, title, detail: `The body was not understood: ${refusal.why}. ${advice}` }
    case 'unknown_app': {
      const why = "The signature was made with a configured secret that does not belong to the callback's appid."
      return { status, title, detail: `${why} ${KEPT} ${advice}` }
    }
    case 'stale': {
      const { ageSeconds } = refusal
      const detail = `The callback was signed ${describeAge(ageSeconds)}. ${advice} ${KEPT}`
      return { status, title, detail, more: { age_seconds: ageSeconds } }
    }
    case 'not_configured': {
      const detail = `${refusal.setting} cannot be used: ${refusal.why}. ${howToSet(refusal.setting)}`
      return { status, title, detail, more: { setting: refusal.setting } }
    }
    case 'invalid_timestamp':
    case 'signature_reused':
      return { status, title, detail: `${advice} ${KEPT}` }
    case 'bad_signature':
      return { status, title, detail: `No configured secret gives this signature. ${advice}` }
    case 'wrong_path':
      return { status, title, detail: `This is not the URL for callbacks. ${advice}` }
    case 'storage_unavailable':
      return { status, title, detail: advice }
  }
}

const KEPT = 'The callback is kept in the quarantine.'

function describeAge(seconds: number): string {
  return seconds >= 0 ? `${seconds} s ago` : `${-seconds} s in the future`
}

/** Settings that are no secrets: they stand in wrangler.toml. */
const VARS: ReadonlySet<string> = new Set(['SIGNATURE_TOLERANCE_SECONDS', 'ZEGO_API_URL', 'RETENTION_DAYS', 'PLAN'])

export function isSecret(setting: string): boolean {
  return !VARS.has(setting)
}

function howToSet(setting: string): string {
  if (isSecret(setting)) return `Set it with: npx wrangler secret put ${setting}`
  return 'Fix it under [vars] in wrangler.toml, and deploy.'
}
