/**
 * What a callback says: everything except `timestamp`, `nonce` and `signature`, in one form for every encoding.
 * A retry may be signed or encoded differently; its content, and so the content's hash, stays the same.
 */
import { bytesOf } from './bytes.ts'
import { type Fields, isLargeNumber, isObject, parse, plainValue, signedText, type Value } from './json.ts'
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

/** ZEGOCLOUD's callbacks spell one name in many ways (`task_id`, `TaskId`, `taskid`): case and underscores do not count. */
const DOCUMENTED_FIELDS: ReadonlySet<string> = new Set([
  'event',
  'appid',
  'timestamp',
  'nonce',
  'signature',
  'task_id',
  'vendor',
  'field_id',
  'snapshot_pic_list',
])

/** Without case and underscores. */
export const bare = (name: string) => name.toLowerCase().replaceAll('_', '')

/** Documented names by their bare spelling, and by themselves: most need no second look. */
export function spellings(names: Iterable<string>): ReadonlyMap<string, string> {
  return new Map([...names].flatMap((name) => [bare(name), name].map((spelling) => [spelling, name] as const)))
}

/** The rest of the family writes `file_id`. */
export const FIELD_SPELLINGS = new Map([...spellings(DOCUMENTED_FIELDS), ['fileid', 'field_id']])

/**
 * Whether an index or a key stands behind a documented name: a part of that field, in a form that we do not know. Behind
 * the list's name anything but a letter may be one: pictures are at stake.
 */
export function isPartOfDocumented(name: string): boolean {
  const [beforePart, part] = bare(name).split(/[[.]/, 2)
  return (part !== undefined && FIELD_SPELLINGS.has(beforePart!)) || /^snapshotpiclist[^a-z]/.test(bare(name))
}

/**
 * Entries under their documented names, and the others under their own. Where a name is repeated, the last entry
 * counts; where it comes in several spellings, the documented one, or else the last.
 * @param isNotSent which values count as not sent: they do not hide another spelling
 */
export function underDocumentedNames<Given>(
  entries: Iterable<readonly [string, Given]>,
  documented: ReadonlyMap<string, string>,
  isNotSent: (name: string, value: Given) => boolean,
): Map<string, Given> {
  const lastOfEach = new Map<string, Given>()
  for (const [key, value] of entries) {
    lastOfEach.delete(key) // so that it stands where it came last
    lastOfEach.set(key, value)
  }
  const named = new Map<string, Given>()
  const asDocumented = new Set<string>()
  for (const [key, value] of lastOfEach) {
    const name = documented.get(key) ?? documented.get(bare(key)) ?? key
    if (isNotSent(name, value) || (name !== key && asDocumented.has(name))) continue
    if (name === key) asDocumented.add(name)
    named.set(name, value)
  }
  return named
}

const PICTURE_FIELDS = spellings(['url', 'offset'])

/** @param contentType asked only for the charset of a list that is percent-encoded and not UTF-8 */
export function contentOf(
  { fields, isExact }: { fields: Fields; isExact: boolean },
  contentType: string | null,
): Content {
  const undocumented = [...fields].filter(([name]) => !DOCUMENTED_FIELDS.has(name))
  const id = (name: string) => idOf(fields.get(name))
  const list = picturesOf(fields.get('snapshot_pic_list'), contentType)
  const extra = undocumented.map(([name, value]) => [name, plainValue(value)] as const)
  return {
    appid: id('appid'),
    event: id('event'),
    extra: extra.length === 0 ? undefined : inOrder(Object.fromEntries(extra)),
    field_id: id('field_id'),
    garbled: isExact && list.isExact ? undefined : true,
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
  const text = signedText(given)
  if (text !== undefined || given === undefined) return text
  const value = plainValue(given)
  return typeof value === 'string' ? { tooDeep: value } : inOrder(value)
}

/** The list of pictures. A value that is no list stays as it is. */
function picturesOf(given: Value | undefined, contentType: string | null): { value: unknown; isExact: boolean } {
  if (given && 'list' in given) {
    const items = given.list.map((text) => unwrapList(text, contentType))
    return { value: items.map(({ value }) => pictureOf(value)), isExact: items.every(({ isExact }) => isExact) }
  }
  const { value, isExact } = unwrapList(given === undefined ? null : plainValue(given), contentType)
  if (value === null || value === '') return { value: [], isExact }
  return { value: Array.isArray(value) ? value.map(pictureOf) : inOrder(value), isExact }
}

/** The value without the strings and the percent-encoding around it. `isExact` as in `Text`. */
function unwrapList(wrapped: unknown, contentType: string | null): { value: unknown; isExact: boolean } {
  let value = wrapped
  let isExact = true
  for (let layer = 0; layer < MOST_LIST_LAYERS && typeof value === 'string'; layer += 1) {
    const text = value.trim()
    if (text === '') return { value: '', isExact }
    const parsed = parse(text)
    const decoded = parsed === undefined && /^%(?:5B|7B|22)/i.test(text) ? percentDecode(text, contentType) : undefined
    if (parsed === undefined && decoded === undefined) return { value, isExact }
    value = decoded === undefined ? parsed : decoded.text
    isExact &&= decoded?.isExact ?? true
  }
  return { value, isExact }
}

/** A picture with the documented names, and `offset` a number or absent. An item that is no picture stays as it is. */
function pictureOf(item: unknown): unknown {
  if (!isObject(item)) return inOrder(item)
  const { offset, url = '' } = item
  if (isPlain(item)) return offset === undefined ? { url } : { offset, url }
  const fields = underDocumentedNames(Object.entries(item), PICTURE_FIELDS, isAbsentInPicture)
  if (fields.has('offset')) fields.set('offset', numberOf(fields.get('offset')))
  if (!fields.has('url')) fields.set('url', '')
  return inOrder(Object.fromEntries(fields))
}

/**
 * Whether an index or a key stands behind the name of the URL: it may hold one, in a form that we do not know. Beside a URL
 * a number makes a longer name, such as `url2`, which is a field of its own.
 */
export function isPartOfUrl(name: string, hasUrl: boolean): boolean {
  const behind = hasUrl ? /^url[[.]/ : /^url(?:[[.]|\d+$)/
  return !PICTURE_FIELDS.has(name) && behind.test(bare(name))
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
function isAbsentInPicture(name: string, value: unknown): boolean {
  return (name === 'offset' || name === 'url') && (value === null || value === '')
}

/** The number that a numeric string holds, unless digits would be lost; anything else as it came. */
function numberOf(offset: unknown): unknown {
  if (typeof offset !== 'string' || !/^\s*[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?\s*$/i.test(offset)) return offset
  return isLargeNumber(offset) ? offset : Number(offset)
}
