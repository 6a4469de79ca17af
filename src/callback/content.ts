/**
 * What a callback says: everything except `timestamp`, `nonce` and `signature`, in one form for every encoding.
 * A retry may be signed or encoded differently; its content, and so the content's hash, stays the same.
 */
import { bytesOf } from './bytes.ts'
import { type Named, textOf } from './decode.ts'
import { exact, isLargeNumber, isObject, parse, type Value } from './json.ts'
import { bare, DOCUMENTED_FIELDS, spellings, underDocumentedNames } from './names.ts'
import { percentDecode } from './text.ts'

/**
 * Its members are in order, as in its JSON, which is hashed. A value that is not as documented stays as it came, for the
 * hash and for people.
 */
export type Content = {
  appid: unknown
  event: unknown
  /** The fields that ZEGOCLOUD does not document. */
  extra: Record<string, unknown> | undefined
  field_id: unknown
  /** Where bytes of the body fit no encoding, so that this is not the text that was sent. */
  garbled?: true | undefined
  snapshot_pic_list: unknown
  task_id: unknown
  vendor: unknown
}

/** How many strings, percent-encoded or not, may be wrapped around the list. */
const MOST_LIST_LAYERS = 4

const PICTURE_FIELDS = spellings(['url', 'offset'])

/** @param contentType asked only for the charset of a list that is percent-encoded and not UTF-8 */
export function contentOf({ fields, fits }: Named, contentType: string | null): Content {
  const undocumented = [...fields].filter(([name]) => !DOCUMENTED_FIELDS.has(name))
  const id = (name: string) => idOf(fields.get(name))
  const list = picturesOf(fields.get('snapshot_pic_list'), contentType)
  const extra = undocumented.map(([name, value]) => [name, valueOf(value)] as const)
  return {
    appid: id('appid'),
    event: id('event'),
    extra: extra.length === 0 ? undefined : inOrder(Object.fromEntries(extra)),
    field_id: id('field_id'),
    garbled: fits && list.fits ? undefined : true,
    snapshot_pic_list: list.value,
    task_id: id('task_id'),
    vendor: id('vendor'),
  }
}

/** A content's JSON, which is hashed, and the part of it that its record has, too. */
export type ContentJson = { bytes: Uint8Array; pictures: string }

/** Writing thousands of pictures takes most of the time: their JSON is written once. */
export function jsonOf(content: Content): ContentJson {
  const { appid, event, extra, field_id, garbled, snapshot_pic_list, task_id, vendor } = content
  const pictures = JSON.stringify(snapshot_pic_list)
  const text = jsonAround({ appid, event, extra, field_id, garbled }, pictures, { task_id, vendor })
  return { bytes: bytesOf(text), pictures }
}

/** The JSON of an object whose pictures are JSON already: the members before them, they, and those after them. */
export function jsonAround(before: object, pictures: string, after: object): string {
  const [first, last] = [JSON.stringify(before).slice(0, -1), JSON.stringify(after).slice(1)]
  const [comma, another] = [first === '{' ? '' : ',', last === '}' ? '' : ',']
  return `${first}${comma}"snapshot_pic_list":${pictures}${another}${last}`
}

/**
 * A value with its keys sorted at every level, so that `JSON.stringify` writes equal texts for equal values. Keys that
 * are whole numbers come first, as in every JavaScript object; otherwise the text is canonical JSON.
 */
export function inOrder<Value>(value: Value): Value
export function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => inOrder(item))
  if (!isObject(value)) return value
  const keys = Object.keys(value).toSorted()
  return Object.fromEntries(keys.map((key) => [key, inOrder(value[key])])) // keeps `__proto__` as an ordinary key
}

/** A string, or the digits of a number as they were written; any other value stays as it came, and is no string. */
function idOf(given: Value | undefined): unknown {
  const text = textOf(given)
  if (text !== undefined || given === undefined) return text
  const value = valueOf(given)
  return typeof value === 'string' ? { tooDeep: value } : inOrder(value)
}

function valueOf(given: Value): unknown {
  if ('list' in given) return given.list
  return 'text' in given ? given.text : exact(given)
}

/** The list of pictures. A value that is no list stays as it is. */
function picturesOf(given: Value | undefined, contentType: string | null): { value: unknown; fits: boolean } {
  if (given && 'list' in given) {
    const items = given.list.map((text) => unwrapped(text, contentType))
    return { value: items.map(({ value }) => pictureOf(value)), fits: items.every(({ fits }) => fits) }
  }
  const { value, fits } = unwrapped(given === undefined ? null : valueOf(given), contentType)
  if (value === null || value === '') return { value: [], fits }
  return { value: Array.isArray(value) ? value.map(pictureOf) : inOrder(value), fits }
}

/** The value without the strings and the percent-encoding around it. `fits` as in `Text`. */
function unwrapped(wrapped: unknown, contentType: string | null): { value: unknown; fits: boolean } {
  let value = wrapped
  let fits = true
  for (let layer = 0; layer < MOST_LIST_LAYERS && typeof value === 'string'; layer += 1) {
    const text = value.trim()
    if (text === '') return { value: '', fits }
    const parsed = parse(text)
    const decoded = parsed === undefined && /^%(?:5B|7B|22)/i.test(text) ? percentDecode(text, contentType) : undefined
    if (parsed === undefined && decoded === undefined) return { value, fits }
    value = decoded === undefined ? parsed : decoded.text
    fits &&= decoded?.fits ?? true
  }
  return { value, fits }
}

/** A picture with the documented names, and `offset` a number or absent. An item that is no picture stays as it is. */
function pictureOf(item: unknown): unknown {
  if (!isObject(item)) return inOrder(item)
  const { offset, url = '' } = item
  if (isPlain(item)) return offset === undefined ? { url } : { offset, url }
  const fields = underDocumentedNames(Object.entries(item), PICTURE_FIELDS, isAbsent)
  if (fields.has('offset')) fields.set('offset', numberOf(fields.get('offset')))
  if (!fields.has('url') && !isUrlMisread(fields)) fields.set('url', '')
  return inOrder(Object.fromEntries(fields))
}

/** Whether what should be the URL came under a name that only resembles it. */
function isUrlMisread(fields: ReadonlyMap<string, unknown>): boolean {
  return fields.keys().some((name) => bare(name).startsWith('url'))
}

/** Whether it has the documented fields and no others. Nearly all of thousands of pictures do. */
function isPlain(item: Record<string, unknown>): boolean {
  for (const name in item) {
    if (name === 'url' ? typeof item.url !== 'string' : name !== 'offset' || typeof item.offset !== 'number')
      return false
  }
  return true
}

/** An offset or a URL that is null or "" counts as absent. A picture that failed at the vendor has no URL. */
function isAbsent(name: string, value: unknown): boolean {
  return (name === 'offset' || name === 'url') && (value === null || value === '')
}

/** The number that a numeric string holds, unless digits would be lost; anything else as it came. */
function numberOf(offset: unknown): unknown {
  if (typeof offset !== 'string' || !/^\s*[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?\s*$/i.test(offset)) return offset
  return isLargeNumber(offset) ? offset : Number(offset)
}
