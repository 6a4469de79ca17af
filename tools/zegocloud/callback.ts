/**
 * ZEGOCLOUD as a receiver meets it: its signatures, its callbacks, and how it delivers them. Its signatures are written
 * apart from the Worker's own code, so that tests compare the two.
 * Every tool here that plays ZEGOCLOUD is built on this file. Source: ZEGOCLOUD's page "On-Demand Screenshot Callback".
 */
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { encode, headersOf, type Body, type Encoding, type Fields } from './encodings.ts'

export { encode, encodings, headersOf, type Body, type Encoding, type Fields } from './encodings.ts'

/** What a signature covers, and the signature: lower-case hex of a SHA-1. */
export type Stamp = { timestamp: string; nonce: string; signature: string }

export type Vendor = 'tencent' | 'hw'

/** `offset` is in milliseconds; only Tencent Cloud has it. */
export type Picture = { url: string; offset?: number }

/** The documented fields, decoded: `snapshot_pic_list` travels as a JSON string. */
export type Callback = Stamp & {
  appid: string
  event: string
  task_id: string
  field_id?: string
  vendor: string
  snapshot_pic_list: Picture[]
}

/** Hex SHA-1 of the three strings in byte order, joined without a separator. */
export function sign({ secret, timestamp, nonce }: { secret: string; timestamp: string; nonce: string }) {
  const sorted = [secret, timestamp, nonce].map((text) => Buffer.from(text)).toSorted((a, b) => Buffer.compare(a, b))
  return createHash('sha1').update(Buffer.concat(sorted)).digest('hex')
}

/** The signature of its server API: hex MD5. `timestamp` is in seconds. */
export const signQuery = (appid: string, nonce: string, serverSecret: string, timestamp: string) =>
  createHash('md5').update(`${appid}${nonce}${serverSecret}${timestamp}`).digest('hex')

/** A fresh signature. `at` is in seconds. */
export function stamp(secret: string, at = Math.floor(Date.now() / 1000), nonce = digits(19)): Stamp {
  const timestamp = String(at)
  return { timestamp, nonce, signature: sign({ secret, timestamp, nonce }) }
}

/** Decimal digits without a leading zero, so that they can also be sent as a JSON number. */
function digits(length: number) {
  const rest = Array.from({ length: length - 1 }, () => randomInt(10))
  return [randomInt(1, 10), ...rest].join('')
}

/** Tencent Cloud's ids have two forms; the numeric one is above 2^53. Huawei Cloud's have nine digits. */
export function taskIdFor(vendor: Vendor) {
  if (vendor === 'hw') return digits(9)
  return randomInt(4) === 0 ? digits(19) : `1500030200-procedurev2-${randomBytes(16).toString('hex')}tt0`
}

/** Milliseconds between the screenshots of a sample task; not whole, since `offset` is documented as a float. */
const PICTURE_GAP_MS = 2500.5

/** The query is like that of a signed URL: decoding it once too often changes it. */
const pictureUrl = (base: string, task_id: string, at: number) =>
  `${base.replace(/\/$/, '')}/${encodeURIComponent(task_id)}/${at}.svg?sign=a%2Bb%3D%3D&t=1`

/** A signed callback for a task that has finished. `pictures` is their number, `picturesAt` where they are served. */
export function callbackFor({
  secret,
  appid = '12345',
  vendor = 'tencent',
  task_id = taskIdFor(vendor),
  event = 'snapshot',
  pictures = 3,
  picturesAt = 'http://127.0.0.1:8788',
}: {
  secret: string
  appid?: string
  vendor?: Vendor
  task_id?: string
  event?: string
  pictures?: number
  picturesAt?: string
}): Callback {
  const snapshot_pic_list = Array.from({ length: pictures }, (_, index) => {
    const offset = index * PICTURE_GAP_MS
    const url = pictureUrl(picturesAt, task_id, offset)
    return vendor === 'tencent' ? { url, offset } : { url }
  })
  const source = vendor === 'tencent' ? { field_id: digits(19) } : {}
  return { appid, event, ...stamp(secret), task_id, ...source, vendor, snapshot_pic_list }
}

/**
 * Whether a retry carries a new timestamp, nonce and signature, or the very bytes of the first attempt, is documented
 * nowhere.
 */
export const retryModes = ['re-signed', 'repeated'] as const
export type RetryMode = (typeof retryModes)[number]

/** Seconds from one attempt to the next. After the last the callback is lost. */
export const RETRY_SECONDS = [2, 4, 8, 16, 32]

/** How long we wait for an answer. ZEGOCLOUD's own limit is documented nowhere. */
export const ATTEMPT_TIMEOUT_SECONDS = 10

/** `status` is null when nothing answered; `text` then says why. */
export type Answer = { status: number | null; text: string; ms: number }

export const isSuccess = ({ status }: Answer) => status !== null && status >= 200 && status < 300

/** How long to wait for the answer. */
type PostOptions = { timeoutSeconds?: number }

/** One attempt. A redirect is not followed: it is a status outside 2XX. */
export async function post(
  url: string | URL,
  body: Body,
  { timeoutSeconds = ATTEMPT_TIMEOUT_SECONDS }: PostOptions = {},
): Promise<Answer> {
  const began = performance.now()
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: headersOf(body),
      body: body.bytes,
      signal: AbortSignal.timeout(timeoutSeconds * 1000),
    })
    return { status: response.status, text: await response.text(), ms: performance.now() - began }
  } catch (error) {
    return { status: null, text: reasonOf(error), ms: performance.now() - began }
  }
}

/** `fetch` hides what happened behind "fetch failed". */
function reasonOf(error: unknown) {
  if (!(error instanceof Error)) return String(error)
  const cause: unknown = error.cause
  return cause instanceof Error ? cause.message || cause.name : error.message
}

type DeliverOptions = PostOptions & {
  secret: string
  encoding: Encoding
  retry: RetryMode
  /** Factor on the schedule: 0.1 is ten times faster. */
  timeScale?: number
  /** Called after each attempt. */
  onAnswer?: (answer: Answer) => unknown
}

/** `last` is the callback as its last attempt carried it; after a delivery, the one that was acknowledged. */
type Delivery<C> = { delivered: boolean; answers: Answer[]; last: C }

/**
 * Plays one callback to its end: delivered at the first 2XX, lost after the last retry.
 * The schedule counts from the sending of the previous attempt: the strictest reading of "2 s after the previous request".
 */
export async function deliver<C extends Fields>(
  url: string | URL,
  callback: C,
  options: DeliverOptions,
): Promise<Delivery<C>> {
  const { secret, encoding, retry, timeScale = 1, onAnswer } = options
  const answers: Answer[] = []
  let last = callback
  for (const seconds of [...RETRY_SECONDS, null]) {
    const sent = performance.now()
    const answer = await post(url, encode(last, encoding), options)
    onAnswer?.(answer)
    answers.push(answer)
    if (isSuccess(answer)) return { delivered: true, answers, last }
    if (seconds === null) break
    await sleep(Math.max(0, seconds * 1000 * timeScale - (performance.now() - sent)))
    if (retry === 're-signed') last = { ...callback, ...stamp(secret) }
  }
  return { delivered: false, answers, last }
}
