/** The fields of a form: percent-encoded, or `multipart/form-data` as PHP's curl sends an array. */
import { mayBeMisread, percentDecodeAll } from './text.ts'

export type Entry = [key: string, text: string]
export type Form = { entries: Entry[]; fits: boolean }

/** What stands between the parts of a multipart body: a line, with headers below it. */
const BOUNDARY = /^--([^"\\\0-\x1f\x7f-\uffff]+)\r?\ncontent-/im

/** Not that of the file. */
const PART_NAME = /^content-disposition:[^\n]*?[;\s]name=(?:"([^"\n]*)"|([^\s;]*))/im

/** A `%` that begins no escape stays as it is, as in every reader of forms. */
export function readForm(text: string, contentType: string | null): Form {
  const entries = [...new URLSearchParams(text)]
  if (!entries.flat().some(mayBeMisread)) return { entries, fits: true }
  const keysAndTexts = text
    .split('&')
    .filter((field) => field !== '')
    .flatMap(cutAtEquals)
  const { texts, fits } = percentDecodeAll(keysAndTexts, contentType)
  return { entries: texts.flatMap((key, at): Entry[] => (at % 2 === 0 ? [[key, texts[at + 1]!]] : [])), fits }
}

/** What is empty between two `&` is no field. */
export function countFormFields(text: string): number {
  let count = 0
  let start = 0
  while (start < text.length) {
    const next = text.indexOf('&', start)
    const end = next < 0 ? text.length : next
    if (end > start) count += 1
    start = end + 1
  }
  return count
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
  const [, headers = '', text = ''] = /^([^]*?)\r?\n\r?\n([^]*)$/.exec(part) ?? []
  const name = PART_NAME.exec(headers)
  return name ? [name[1] ?? name[2] ?? '', text.replace(/\r$/, '')] : undefined
}

function cutAtEquals(field: string): [string, string] {
  const equals = field.indexOf('=')
  return equals < 0 ? [field, ''] : [field.slice(0, equals), field.slice(equals + 1)]
}
