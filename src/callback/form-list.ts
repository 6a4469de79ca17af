/**
 * The list of pictures in a form, whose fields can hold only texts: `snapshot_pic_list[]` for each picture,
 * `snapshot_pic_list[0]`, `snapshot_pic_list[0][url]`, `snapshot_pic_list.0.url`, or the same key for each picture.
 */
import type { Entry } from './form.ts'
import type { Field, Value } from './json.ts'
import { bare, FIELD_SPELLINGS } from './names.ts'

const LIST = 'snapshot_pic_list'

/** The name, and the path into its value. */
const KEY = /^([^[.]*)([^]*)$/

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
    const [, name = '', path = ''] = KEY.exec(key) ?? []
    if (FIELD_SPELLINGS.get(bare(name)) === LIST) parts.push({ key, path, text })
    else others.push([key, { text }])
  }
  if (parts.length === 0) return others
  const list = parts.every(({ path }) => path === '[]') ? parts.map(({ text }) => text) : elementsOf(parts)
  if (list !== undefined) return [...others, [LIST, { list }]]
  const byKey = Map.groupBy(parts, ({ key }) => key)
  return [...others, ...Array.from(byKey, ([key, repeats]): Field => [key, valueOf(repeats)])]
}

/** Of the same key's texts. One text is the list, or its only picture. */
function valueOf(repeats: readonly Part[]): Value {
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
