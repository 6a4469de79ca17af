/** A verified callback and its record, by the rules for a usable snapshot: a store or a reader needs each of them. */
import type { CompletedRecord, Picture } from '../event.ts'
import { isWithin, type RawBody, ROW_LIMIT_BYTES, sha256 } from './bytes.ts'
import {
  type Content,
  type ContentJson,
  contentOf,
  isPartOfDocumented,
  isPartOfUrl,
  jsonAround,
  jsonOf,
} from './content.ts'
import { decode, type Decoded, SHOWN_CHARACTERS } from './decode.ts'
import { isObject } from './json.ts'
import { latestClaim, timeOf } from './signature.ts'

/** The event of doctor's own callbacks: they say nothing about ZEGOCLOUD's, so health leaves them out. */
export const TEST_EVENT = 'zego_snapshots_test'

/** Why an authentic callback is no snapshot that we can use. */
export type Unusable = { reason: 'unsupported_event' | 'invalid_snapshot'; detail: string }

/** A verified callback, ready to be settled: all that the store has to know of it. */
export type VerifiedCallback = {
  /** In lower case: the ledger's key. */
  signature: string
  /** The hash of the content. */
  content: string
  /** How long the ledger has to keep the signature: the latest time that its characters can claim, in milliseconds. */
  latestClaim: number
  /** In milliseconds. */
  receivedAt: number
  /** The callback's own timestamp, in milliseconds, if it is one. */
  signedAt: number | undefined
  /** At most 512 characters, as is the task_id: for people to find it by. */
  event: string | undefined
  task_id: string | undefined
  appid?: string | undefined
  raw: RawBody
  /** `text` is the record's JSON. */
  snapshot: { record: CompletedRecord; text: string } | Unusable
}

const TASK_ID_LIMIT_BYTES = 512 // a key of KV
const FIELD_ID_LIMIT_BYTES = 512
const NAME_LIMIT_BYTES = 64

/** More than `status`, `via` and two times need: everything else in a record is in its content, too. */
const RECORD_EXTRA_BYTES = 200

/**
 * @param decoded verified and fresh, or kept as evidence
 * @param receivedAt in milliseconds
 */
export async function readCallback(decoded: Decoded, receivedAt: number): Promise<VerifiedCallback> {
  const { raw, envelope } = decoded
  const { signature, timestamp, nonce } = envelope
  const content = contentOf(decoded, raw.contentType)
  const json = jsonOf(content)
  const signedAt = timeOf(timestamp)
  return {
    signature,
    content: await sha256(json.bytes),
    latestClaim: latestClaim(timestamp, nonce, receivedAt),
    receivedAt,
    signedAt,
    event: shortText(content.event),
    task_id: shortText(content.task_id),
    appid: shortText(envelope.appid),
    raw,
    snapshot: readSnapshot(content, json, signedAt, receivedAt),
  }
}

/** A body that was verified when it was received. Throws `Refused` if it cannot be decoded any more. */
export async function readVerified(raw: RawBody, receivedAt: number): Promise<VerifiedCallback> {
  return readCallback(await decode(raw), receivedAt)
}

function shortText(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, SHOWN_CHARACTERS) : undefined
}

/**
 * The record of a content and its JSON, or why the content is unusable.
 * @param json the content's
 * @param signedAt the callback's timestamp in milliseconds, if it is one
 * @param receivedAt in milliseconds
 */
export function readSnapshot(
  content: Content,
  { bytes, pictures }: ContentJson,
  signedAt: number | undefined,
  receivedAt: number,
): { record: CompletedRecord; text: string } | Unusable {
  const { event, appid, task_id, vendor, field_id, snapshot_pic_list, extra } = content
  const misread = event === 'snapshot' || event === undefined ? whyMisread(content) : undefined
  if (misread !== undefined) return { reason: 'invalid_snapshot', detail: misread }
  if (event !== 'snapshot') {
    return { reason: 'unsupported_event', detail: `The event is ${describe(event)}; only "snapshot" is stored.` }
  }
  if (!isTextWithin(TASK_ID_LIMIT_BYTES, task_id) || !isKey(task_id)) {
    const wanted = `1 to ${TASK_ID_LIMIT_BYTES} bytes, without control characters or lone surrogates, not "." or ".."`
    return invalid('task_id', task_id, wanted)
  }
  if (!isTextWithin(NAME_LIMIT_BYTES, appid)) return invalid('appid', appid, `1 to ${NAME_LIMIT_BYTES} bytes`)
  if (!isTextWithin(NAME_LIMIT_BYTES, vendor)) return invalid('vendor', vendor, `1 to ${NAME_LIMIT_BYTES} bytes`)
  if (field_id !== undefined && !isTextWithin(FIELD_ID_LIMIT_BYTES, field_id)) {
    return invalid('field_id', field_id, `at most ${FIELD_ID_LIMIT_BYTES} bytes`)
  }
  if (!Array.isArray(snapshot_pic_list)) return invalid('snapshot_pic_list', snapshot_pic_list, 'a list')
  const misfit = snapshot_pic_list.findIndex((item) => !isPicture(item))
  if (misfit >= 0) {
    const wanted = 'an object with a url and, optionally, an offset in milliseconds'
    return invalid(`snapshot_pic_list[${misfit}]`, snapshot_pic_list[misfit], wanted)
  }
  const task = { task_id, status: 'completed', appid, vendor, field_id } as const
  const signed_at = signedAt === undefined ? undefined : new Date(signedAt).toISOString()
  const rest = { extra, via: 'callback', signed_at, received_at: new Date(receivedAt).toISOString() } as const
  const isSmall = bytes.length + RECORD_EXTRA_BYTES <= ROW_LIMIT_BYTES
  const text = jsonAround(task, pictures, rest)
  if (!isSmall && !isWithin(ROW_LIMIT_BYTES, text)) {
    return { reason: 'invalid_snapshot', detail: `The record has more than ${ROW_LIMIT_BYTES} bytes.` }
  }
  return { record: { ...task, snapshot_pic_list, ...rest }, text }
}

/** Why the callback may say more than was understood. */
function whyMisread({ garbled, extra = {} }: Content): string | undefined {
  if (garbled) return 'The body has bytes that are not valid in UTF-8, in GB18030 or in the charset that it declares.'
  const name = Object.keys(extra).find(isPartOfDocumented)
  return name && `${describe(name)} has an index or a key behind a documented name and cannot be read as that field.`
}

function isPicture(item: unknown): item is Picture {
  if (!isObject(item) || typeof item.url !== 'string') return false
  const hasUrl = item.url !== ''
  if (Object.keys(item).some((name) => isPartOfUrl(name, hasUrl))) return false
  return item.offset === undefined || typeof item.offset === 'number'
}

function isTextWithin(limitBytes: number, value: unknown): value is string {
  return typeof value === 'string' && value !== '' && isWithin(limitBytes, value)
}

/** Whether KV accepts it as a key, and people can type it. */
function isKey(text: string): boolean {
  return text !== '.' && text !== '..' && text.isWellFormed() && !/\p{Cc}/u.test(text)
}

function invalid(field: string, value: unknown, wanted: string): Unusable {
  return { reason: 'invalid_snapshot', detail: `${field} is ${describe(value)}; it must be ${wanted}.` }
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
