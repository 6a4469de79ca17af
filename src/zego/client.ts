/**
 * One call of ZEGOCLOUD's server API: a slot, a signature, a time limit, an answer or the reason for its absence.
 *
 * Nothing here repeats a call: whoever starts a task twice pays twice. The URL holds a signature: it is never logged.
 */
import { bytesOf } from '../callback/bytes.ts'
import { isObject, parse } from '../callback/json.ts'
import { log } from '../log.ts'
import { LATE_MS, backOff, reserveSlot } from '../store/rate-limit.ts'
import { adviceOn, OK, type Parameters, TOO_FREQUENT, type ZegoConfig } from './parameters.ts'

/** Why there is no answer: a closed list. */
export type ApiFailure =
  | { code: 'zego_error'; zegoCode: number; message: string; advice: string }
  | { code: 'too_frequent'; retryAfterSeconds: number }
  /** Nothing readable came back. What was asked for may have been done. */
  | { code: 'zego_unknown'; why: string }

/** An app, and how to call ZEGOCLOUD for it. */
export type Caller = { db: D1Database; url: string; appid: string; secret: string }

export type Data = Record<string, unknown>

/** Some hosts refuse requests without one. */
const USER_AGENT = 'zego-snapshots'

const REQUEST_LIMIT_MS = 8_000

/** Longest wait for a slot: a caller whose slot is later has to try again. */
const MAX_WAIT_MS = 3_000
const MOST_SLOTS = 3
const MESSAGE_LIMIT_CHARACTERS = 500

export function isFailure(value: object): value is ApiFailure {
  return 'code' in value
}

export function callerFor({ secrets, url }: ZegoConfig, appid: string, db: D1Database): Caller | undefined {
  const secret = secrets.get(appid)
  return secret === undefined ? undefined : { db, url, appid, secret }
}

/** `Data` of ZEGOCLOUD's answer. Throws when D1 does not give a slot in time. */
export async function call(
  caller: Caller,
  action: string,
  parameters: Parameters,
): Promise<{ data: Data } | ApiFailure> {
  if (!(await waitForSlot(caller))) {
    return { code: 'too_frequent', retryAfterSeconds: Math.ceil(MAX_WAIT_MS / 1000) }
  }
  const answer = await ask(await signedUrl(caller, action, parameters))
  if ('code' in answer) return answer
  return read(answer, caller)
}

/** Whether the slot was reached. One that came while D1's answer was under way has passed: the next one is tried. */
async function waitForSlot({ db, appid }: Caller): Promise<boolean> {
  for (let attempt = 0; attempt < MOST_SLOTS; attempt += 1) {
    const asked = performance.now()
    const wait = await reserveSlot(db, appid, MAX_WAIT_MS)
    if (wait === undefined) return false
    await scheduler.wait(wait)
    if (performance.now() - asked - wait <= LATE_MS) return true
  }
  return false
}

async function signedUrl({ url, appid, secret }: Caller, action: string, parameters: Parameters): Promise<URL> {
  const nonce = freshNonce()
  const timestamp = String(Math.floor(Date.now() / 1000))
  const signed = new URL(url)
  const common = {
    Action: action,
    AppId: appid,
    SignatureNonce: nonce,
    Timestamp: timestamp,
    SignatureVersion: '2.0',
    Signature: await signCall(appid, nonce, secret, timestamp),
  }
  for (const [name, value] of [...Object.entries(common), ...parameters]) signed.searchParams.append(name, value)
  return signed
}

/** MD5, in lower-case hex, of AppId, SignatureNonce, ServerSecret and Timestamp, joined. @param timestamp in seconds */
async function signCall(appid: string, nonce: string, secret: string, timestamp: string): Promise<string> {
  const joined = bytesOf(appid + nonce + secret + timestamp)
  return new Uint8Array(await crypto.subtle.digest('MD5', joined)).toHex()
}

/** 16 hex characters. */
function freshNonce(): string {
  return crypto.getRandomValues(new Uint8Array(8)).toHex()
}

type Envelope = { Code: number; Message: string; Data: Data }

/** An error's own words may hold the URL: they are not passed on. */
async function ask(url: URL): Promise<Envelope | Extract<ApiFailure, { code: 'zego_unknown' }>> {
  const signal = AbortSignal.timeout(REQUEST_LIMIT_MS)
  try {
    const response = await fetch(url, { signal, redirect: 'manual', headers: { 'user-agent': USER_AGENT } })
    const answer = envelopeOf(parse(await response.text()))
    return answer ?? { code: 'zego_unknown', why: `it answered ${response.status} without a readable body` }
  } catch {
    const why = signal.aborted ? `it did not answer within ${REQUEST_LIMIT_MS / 1000} s` : 'it could not be reached'
    return { code: 'zego_unknown', why }
  }
}

function envelopeOf(answer: unknown): Envelope | undefined {
  if (!isObject(answer) || answer.Code === undefined || !Number.isInteger(Number(answer.Code))) return undefined
  const message = typeof answer.Message === 'string' ? answer.Message : ''
  return { Code: Number(answer.Code), Message: message, Data: isObject(answer.Data) ? answer.Data : {} }
}

async function read({ Code, Message, Data }: Envelope, { db, appid, secret }: Caller) {
  if (Code === OK) return { data: Data }
  const message = Message.replaceAll(secret, '…').slice(0, MESSAGE_LIMIT_CHARACTERS)
  log('warn', 'zego.refused', { appid, zego_code: Code, message })
  if (Code !== TOO_FREQUENT) return { code: 'zego_error', zegoCode: Code, message, advice: adviceOn(Code) } as const
  const retryAfterSeconds = Math.ceil((await backOff(db, appid)) / 1000)
  return { code: 'too_frequent', retryAfterSeconds } as const
}
