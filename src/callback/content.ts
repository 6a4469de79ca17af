/**
 * What a verified callback says: its content, the hash that tells contents apart, and the record made of it.
 *
 * The content is everything but `timestamp`, `nonce` and `signature`, in one form whatever the encoding was:
 * a retry may be signed or encoded anew, and is the same content.
 */
import type { CompletedRecord, Picture } from '../event.ts'
import { isWithin } from './bytes.ts'
import { DOCUMENTED_FIELDS, type Fields, percentDecode, textOf } from './decode.ts'
import { inOrder } from './in-order.ts'
import { isLargeNumber, parse, type Value } from './json.ts'
import { spellings, underDocumentedNames } from './names.ts'

/**
 * A callback's content, in order: its JSON is what is hashed. What is not as it should be stays as it came, for the
 * hash and for people.
 */
export type Content = {
  appid: unknown
  event: unknown
  /** The fields that ZEGOCLOUD does not document. */
  extra: Record<string, unknown> | undefined
  field_id: unknown
  snapshot_pic_list: unknown
  task_id: unknown
  vendor: unknown
}

/** Why an authentic callback is no snapshot we can use. */
export type Unusable = { reason: 'unsupported_event' | 'invalid_snapshot'; detail: string }

const RECORD_LIMIT_BYTES = 1_900_000 // a row of D1 holds 2 MB
const TASK_ID_LIMIT_BYTES = 512 // a key of KV
const FIELD_ID_LIMIT_BYTES = 512
const NAME_LIMIT_BYTES = 64

/** How many strings, percent-encoded or not, may be wrapped around the list. */
const MOST_LIST_LAYERS = 4

const PICTURE_FIELDS = spellings(['url', 'offset'])

export function contentOf(fields: Fields): Content {
  const undocumented = [...fields].filter(([name]) => !DOCUMENTED_FIELDS.has(name))
  const id = (name: string) => idOf(fields.get(name))
  const extra = Object.fromEntries(undocumented.map(([name, value]) => [name, valueOf(value)]))
  return {
    appid: id('appid'),
    event: id('event'),
    extra: undocumented.length === 0 ? undefined : inOrder(extra),
    field_id: id('field_id'),
    snapshot_pic_list: picturesOf(fields.get('snapshot_pic_list')),
    task_id: id('task_id'),
    vendor: id('vendor'),
  }
}

/** A record says no more than its content, but for these: `status`, `via` and two times. */
const RECORD_EXTRA_BYTES = 200

/**
 * The record of a content, or why there is none. A rule is here because a store or a reader needs it.
 * @param size of the content's JSON, in bytes
 * @param signedAt the callback's timestamp, in milliseconds, if it is one
 * @param receivedAt in milliseconds
 */
export function readSnapshot(
  content: Content,
  size: number,
  signedAt: number | undefined,
  receivedAt: number,
): { record: CompletedRecord; text: string } | Unusable {
  const { event, appid, task_id, vendor, field_id, snapshot_pic_list, extra } = content
  if (event !== 'snapshot') {
    return { reason: 'unsupported_event', detail: `The event is ${describe(event)}; only "snapshot" is stored.` }
  }
  if (!isText(task_id, TASK_ID_LIMIT_BYTES) || !isKey(task_id)) {
    const wanted = `1 to ${TASK_ID_LIMIT_BYTES} bytes, without control characters or lone surrogates, not "." or ".."`
    return invalid('task_id', task_id, wanted)
  }
  if (!isText(appid, NAME_LIMIT_BYTES)) return invalid('appid', appid, `1 to ${NAME_LIMIT_BYTES} bytes`)
  if (!isText(vendor, NAME_LIMIT_BYTES)) return invalid('vendor', vendor, `1 to ${NAME_LIMIT_BYTES} bytes`)
  if (field_id !== undefined && !isText(field_id, FIELD_ID_LIMIT_BYTES)) {
    return invalid('field_id', field_id, `at most ${FIELD_ID_LIMIT_BYTES} bytes`)
  }
  if (!Array.isArray(snapshot_pic_list)) return invalid('snapshot_pic_list', snapshot_pic_list, 'a list')
  const misfit = snapshot_pic_list.findIndex((item) => !isPicture(item))
  if (misfit >= 0) {
    const wanted = 'an object with a url, and perhaps an offset in milliseconds'
    return invalid(`snapshot_pic_list[${misfit}]`, snapshot_pic_list[misfit], wanted)
  }
  const record: CompletedRecord = {
    task_id,
    status: 'completed',
    appid,
    vendor,
    ...(field_id !== undefined && { field_id }),
    snapshot_pic_list,
    ...(extra !== undefined && { extra }),
    via: 'callback',
    ...(signedAt !== undefined && { signed_at: new Date(signedAt).toISOString() }),
    received_at: new Date(receivedAt).toISOString(),
  }
  const text = JSON.stringify(record)
  const isSmall = size + RECORD_EXTRA_BYTES <= RECORD_LIMIT_BYTES
  if (!isSmall && !isWithin(RECORD_LIMIT_BYTES, text)) {
    return { reason: 'invalid_snapshot', detail: `The record has more than ${RECORD_LIMIT_BYTES} bytes.` }
  }
  return { record, text }
}

/** A string, or a number's digits as they were written; anything else as it came, so never a string. */
function idOf(given: Value | undefined): unknown {
  const text = textOf(given)
  if (text !== undefined || given === undefined) return text
  const value = valueOf(given)
  return typeof value === 'string' ? { tooDeep: value } : inOrder(value)
}

function valueOf(given: Value): unknown {
  return 'text' in given ? given.text : parse(given.json)
}

/** The list, out of the strings and the percent-encoding around it. What is no list stays what it is. */
function picturesOf(given: Value | undefined): unknown {
  let value = given === undefined ? null : valueOf(given)
  for (let layer = 0; layer < MOST_LIST_LAYERS && typeof value === 'string'; layer += 1) {
    const text = value.trim()
    if (text === '') return []
    const parsed = parse(text)
    const inner = parsed === undefined && /^%(?:5B|22)/i.test(text) ? percentDecode(text) : parsed
    if (inner === undefined) return value
    value = inner
  }
  if (value === null) return []
  return Array.isArray(value) ? value.map(pictureOf) : inOrder(value)
}

/** A picture with the documented fields as documented, `offset` a number or absent; what is no picture stays as it is. */
function pictureOf(item: unknown): unknown {
  if (!isObject(item)) return inOrder(item)
  if (isPlain(item)) return item.offset === undefined ? { url: item.url } : { offset: item.offset, url: item.url }
  const fields = underDocumentedNames(Object.entries(item), PICTURE_FIELDS, isAbsent)
  if (fields.has('offset')) fields.set('offset', numberOf(fields.get('offset')))
  return inOrder(Object.fromEntries(fields))
}

/** Whether it is as documented, and no more: of thousands, nearly all are. */
function isPlain(item: Record<string, unknown>): boolean {
  for (const name in item) {
    if (name === 'url' ? typeof item.url !== 'string' : name !== 'offset' || typeof item.offset !== 'number')
      return false
  }
  return true
}

/** For an offset, null, "" and absence are one. */
function isAbsent(name: string, value: unknown): boolean {
  return name === 'offset' && (value === null || value === '')
}

/** A numeric string's number, unless that would lose digits; anything else as it came. */
function numberOf(offset: unknown): unknown {
  if (typeof offset !== 'string' || !/^\s*[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?\s*$/i.test(offset)) return offset
  return isLargeNumber(offset) ? offset : Number(offset)
}

function isPicture(item: unknown): item is Picture {
  if (!isObject(item) || typeof item.url !== 'string') return false
  return item.offset === undefined || typeof item.offset === 'number'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown, limitBytes: number): value is string {
  return typeof value === 'string' && value !== '' && isWithin(limitBytes, value)
}

/** Whether KV takes it as a key, and people can type it. */
function isKey(text: string): boolean {
  return text !== '.' && text !== '..' && text.isWellFormed() && !/\p{Cc}/u.test(text)
}

function invalid(field: string, value: unknown, wanted: string): Unusable {
  return { reason: 'invalid_snapshot', detail: `${field} is ${describe(value)}; it has to be ${wanted}.` }
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
