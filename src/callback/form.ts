/**
 * The fields of a form: percent-encoded, or `multipart/form-data` as PHP's curl sends an array.
 *
 * A field can hold only a text, so the list of pictures comes as several: `snapshot_pic_list[]` for each picture,
 * `snapshot_pic_list[0]`, `snapshot_pic_list[0][url]`, `snapshot_pic_list.0.url`, or the same key for each picture.
 */
import { bare, FIELD_SPELLINGS } from './content.ts'
import type { Field, Value } from './json.ts'
import { hasReplacement, percentDecodeAll } from './text.ts'

export type Entry = [key: string, text: string]
export type Form = { entries: Entry[]; isExact: boolean }

/** What stands between the parts of a multipart body: a line, with headers below it. */
const BOUNDARY = /^--([^"\\\0-\x1f\x7f-\uffff]+)\r?\ncontent-/im

/** Not that of the file. */
const PART_NAME = /^content-disposition:[^\n]*?[;\s]name=(?:"([^"\n]*)"|([^\s;]*))/im

/** A `%` that begins no escape stays as it is, as in every reader of forms. */
export function readForm(text: string, contentType: string | null): Form {
  const entries = [...new URLSearchParams(text)]
  if (!entries.flat().some(hasReplacement)) return { entries, isExact: true }
  const keysAndTexts = text
    .split('&')
    .filter((field) => field !== '')
    .flatMap(cutAtEquals)
  const { texts, isExact } = percentDecodeAll(keysAndTexts, contentType)
  return { entries: texts.flatMap((key, at): Entry[] => (at % 2 === 0 ? [[key, texts[at + 1]!]] : [])), isExact }
}

/** What is empty between two `&` counts too. A flood costs little, since the text is split no further than needed. */
export function hasMoreFields(text: string, mostFields: number): boolean {
  return text.split('&', mostFields + 1).length > mostFields
}

/** The line between the parts, as the body itself has it: the header may lie or be missing. */
export function boundaryIn(text: string): string | undefined {
  return BOUNDARY.exec(text)?.[1]?.trimEnd()
}

/**
 * The parts between the boundaries, files as their text; `undefined` if the last boundary is missing, as in a body that
 * was cut off, or if a part stands behind it or has no name: a picture may be in it. The platform's own reader takes half a second for a megabyte of empty parts.
 * @param mostParts one more is read, and nothing behind it
 */
export function readMultipart(text: string, boundary: string, mostParts: number): Entry[] | undefined {
  const [, ...parts] = `\n${text}`.split(`\n--${boundary}`, mostParts + 2)
  const end = parts.findIndex((part) => part.startsWith('--'))
  const isWhole = end < 0 ? parts.length > mostParts : end === parts.length - 1
  const entries = parts.slice(0, end < 0 ? parts.length : end).map(entryOfPart)
  return isWhole && entries.every((entry) => entry !== undefined) ? entries : undefined
}

function entryOfPart(part: string): Entry | undefined {
  const blankLine = /\r?\n\r?\n/.exec(part)
  const name = blankLine && PART_NAME.exec(part.slice(0, blankLine.index))
  if (!name) return undefined
  const text = part.slice(blankLine.index + blankLine[0].length)
  return [name[1] ?? name[2] ?? '', text.endsWith('\r') ? text.slice(0, -1) : text]
}

function cutAtEquals(field: string): [string, string] {
  const equals = field.indexOf('=')
  return equals < 0 ? [field, ''] : [field.slice(0, equals), field.slice(equals + 1)]
}

const LIST = 'snapshot_pic_list'

/** `[0]` or `.0`, perhaps with `[url]` or `.url` behind it. */
const PATH = /^(?:\[(\d+)\]|\.(\d+))(?:\[([a-z_]\w*)\]|\.([a-z_]\w*))?$/i

type Part = { key: string; path: string; text: string }

/**
 * The form's fields, with the list as one of them. Parts that do not make a list stay under their own keys, which
 * resemble the list's name: so nobody takes the callback for understood.
 */
export function fieldsOfForm(entries: readonly Entry[]): Field[] {
  const parts: Part[] = []
  const others: Field[] = []
  for (const [key, text] of entries) {
    const end = key.search(/[[.]/)
    const name = end < 0 ? key : key.slice(0, end)
    if (FIELD_SPELLINGS.get(bare(name)) === LIST) parts.push({ key, path: key.slice(name.length), text })
    else others.push([key, { text }])
  }
  if (parts.length === 0) return others
  const list = parts.every(({ path }) => path === '[]') ? parts.map(({ text }) => text) : elementsOf(parts)
  if (list !== undefined) return [...others, [LIST, { list }]]
  const byKey = Map.groupBy(parts, ({ key }) => key)
  const isRepeated = parts.length > byKey.size && parts.every(({ path }) => path === '')
  if (isRepeated) return [...others, [LIST, listOrText(parts)]]
  return [...others, ...Array.from(byKey, ([key, repeats]): Field => [key, listOrText(repeats)])]
}

/** Of the same key's texts. One text is the list, or its only picture. */
function listOrText(repeats: readonly Part[]): Value {
  const texts = repeats.map(({ text }) => text).filter((text) => text !== '')
  const [only = '', ...more] = texts
  return more.length > 0 || /^\s*(?:\{|%7B)/i.test(only) ? { list: texts } : { text: only }
}

/** The texts of elements 0, 1 and so on; `undefined` if one is missing or came twice, or a part has no such path. */
function elementsOf(parts: readonly Part[]): string[] | undefined {
  const elements = new Map<number, string | Map<string, string>>()
  for (const { path, text } of parts) {
    const [, bracketed, dotted, ...names] = PATH.exec(path) ?? []
    const index = Number(bracketed ?? dotted) // NaN if it is no path: then one of the indices below is missing
    const name = names.find((each) => each !== undefined)
    const known = elements.get(index)
    if (known === undefined) elements.set(index, name === undefined ? text : new Map([[name, text]]))
    else if (typeof known === 'string' || name === undefined || known.has(name)) return undefined
    else known.set(name, text)
  }
  const texts = Array.from(elements.keys().map((_, index) => elements.get(index)))
  return texts.every((text) => text !== undefined) ? texts.map(textOfElement) : undefined
}

function textOfElement(element: string | Map<string, string>): string {
  return typeof element === 'string' ? element : JSON.stringify(Object.fromEntries(element))
}
