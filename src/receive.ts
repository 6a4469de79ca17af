/** One callback from bytes to outcome, a step a line. The first step that refuses ends it. */
import type { RawBody } from './callback/bytes.ts'
import { decode, type Decoded } from './callback/decode.ts'
import { type Refusal, Refused } from './callback/refusal.ts'
import { checkFreshness, verify } from './callback/signature.ts'
import { readCallback, type VerifiedCallback } from './callback/snapshot.ts'
import { putAside } from './intake/buffer.ts'
import { log, messageOf } from './log.ts'
import { type Env, isFault, type SettingFault, type Settings } from './settings.ts'
import { type Settlement, settle } from './store/settle.ts'
import { isRightPath } from './token.ts'

/** What was POSTed, now or earlier. */
export type Incoming = {
  /** `undefined` where it is larger than the limit, and was not read. */
  raw: RawBody | undefined
  path: string
  /** In milliseconds. */
  receivedAt: number
}

/** What a callback is checked against. */
export type Rules = Pick<Settings, 'pathTokens' | 'secrets' | 'toleranceSeconds'>

export type Stores = Pick<Env, 'DB' | 'INTAKE' | 'ASIDE'>

/** What became of a callback. A `publication`, or what was refused, is dealt with after the answer. */
export type Received =
  | Exclude<Settlement, { status: 'signature_reused' | 'stale' }>
  | { status: 'accepted'; task_id: string | undefined; store: 'intake' | 'aside' }
  | RefusedCallback

/** `decoded` as far as it could be read. */
export type RefusedCallback = { status: 'refused'; refusal: Refusal; decoded?: Decoded | undefined }

/** What was decoded, for the log. */
export type Outcome = Received & { decoded?: Decoded | undefined }

export async function receive(incoming: Incoming, rules: Rules, stores: Stores): Promise<Outcome> {
  const admitted = await admit(incoming, rules)
  if ('refusal' in admitted) return admitted
  const { callback, decoded } = admitted
  try {
    return { ...receivedAs(await settle(stores.DB, callback), callback), decoded }
  } catch (error) {
    log('error', 'callback.unsettled', { task_id: callback.task_id, why: messageOf(error) })
  }
  const store = await putAside(callback, stores)
  if (store) return { status: 'accepted', task_id: callback.task_id, store, decoded }
  return { status: 'refused', refusal: { code: 'storage_unavailable' }, decoded }
}

export type Admitted = { callback: VerifiedCallback; decoded: Decoded }

/**
 * A callback that may be settled, or why it may not. Nothing but its envelope is looked at before it is verified.
 * @param rules none for what was verified when it was received
 */
export async function admit(
  { raw, path, receivedAt }: Incoming,
  rules: Rules | undefined,
): Promise<Admitted | RefusedCallback> {
  let decoded: Decoded | undefined
  try {
    const checks = rules && (await checksAt(path, rules))
    if (raw === undefined) throw new Refused({ code: 'body_too_large' })
    decoded = await decode(raw)
    if (checks) {
      await verify(decoded.envelope, checks.secrets)
      checkFreshness(decoded.envelope.timestamp, receivedAt, checks.toleranceSeconds)
    }
    return { callback: await readCallback(decoded, receivedAt), decoded }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { status: 'refused', refusal: error.refusal, decoded }
  }
}

/** While the path tokens cannot be read, no path can be judged. */
async function checksAt(path: string, rules: Rules) {
  if (!(await isRightPath(path, configured(rules.pathTokens)))) throw new Refused({ code: 'wrong_path' })
  return { secrets: configured(rules.secrets), toleranceSeconds: configured(rules.toleranceSeconds) }
}

function configured<Value>(setting: Value | SettingFault): Value {
  if (!isFault(setting)) return setting
  throw new Refused({ code: 'not_configured', setting: setting.setting, why: setting.why })
}

/** What settling means for whoever sent the callback. */
export function receivedAs(settlement: Settlement, { signedAt = 0, receivedAt }: VerifiedCallback): Received {
  switch (settlement.status) {
    case 'signature_reused':
      return { status: 'refused', refusal: { code: settlement.status } }
    case 'stale': {
      const ageSeconds = Math.round((receivedAt - signedAt) / 1000)
      return { status: 'refused', refusal: { code: settlement.status, ageSeconds } }
    }
    default:
      return settlement
  }
}
