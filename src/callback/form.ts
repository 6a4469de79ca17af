/** The fields of a form: percent-encoded, or `multipart/form-data` as PHP's curl sends an array. */
import { bytesOf } from './bytes.ts'
import { percentDecodeAll, type Text } from './text.ts'

export type Entry = [key: string, text: string]
export type Form = { entries: Entry[]; fits: boolean }

/** What stands between the fields of a multipart body: a line, with headers below it. */
const BOUNDARY = /^--([^"\\\0-\x1f\x7f-\uffff]+)\r?\ncontent-/im

/** A `%` that begins no escape stays as it is, as in every reader of forms. */
export function readForm(text: string, contentType: string | null): Form {
  const entries = [...new URLSearchParams(text)]
  if (!entries.flat().some((part) => part.includes('\uFFFD'))) return { entries, fits: true }
  // U+FFFD stands for bytes that are not UTF-8, unless it was sent itself.
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

/** The line between the fields, as the body itself has it: the header may lie or be missing. */
export function boundaryIn(text: string): string | undefined {
  return /^\s*["{]/.test(text) ? undefined : BOUNDARY.exec(text)?.[1]?.trimEnd()
}

/** `undefined` if the body only begins like multipart. A part that claims to be a file counts as its text. */
export async function readMultipart({ text, fits }: Text, boundary: string): Promise<Form | undefined> {
  const headers = { 'content-type': `multipart/form-data; boundary="${boundary}"` }
  try {
    const form = await new Response(bytesOf(text), { headers }).formData()
    const entries = [...form].map(async ([key, value]): Promise<Entry> => [key, await textOfPart(value)])
    return { entries: await Promise.all(entries), fits }
  } catch {
    return undefined
  }
}

async function textOfPart(value: string | File): Promise<string> {
  return typeof value === 'string' ? value : value.text()
}

function cutAtEquals(field: string): [string, string] {
  const equals = field.indexOf('=')
  return equals < 0 ? [field, ''] : [field.slice(0, equals), field.slice(equals + 1)]
}
