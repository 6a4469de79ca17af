/**
 * JSON with its keys sorted at every level: equal values have equal texts, and so equal hashes.
 * @see https://www.rfc-editor.org/rfc/rfc8785 whose order (by UTF-16 unit) and numbers these are
 */
export function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return canonicalList(value)
  const fields = value as Record<string, unknown>
  let text = ''
  for (const key of Object.keys(fields).toSorted()) {
    if (fields[key] !== undefined) text += `${text === '' ? '{' : ','}${JSON.stringify(key)}:${canonical(fields[key])}`
  }
  return text === '' ? '{}' : `${text}}`
}

/** Of more keys, asking every object for each costs more than sorting its own. */
const MOST_SHARED_KEYS = 8

/** Most lists have thousands of flat objects with the same few keys: written at once, from copies with sorted keys. */
function canonicalList(list: readonly unknown[]): string {
  const keys = sharedKeys(list)
  if (keys === undefined) return `[${list.map(canonical).join(',')}]`
  return JSON.stringify((list as Record<string, unknown>[]).map((item) => copyOf(item, keys)))
}

/** Sorted; `undefined` for what cannot be copied so: an object is no list of numbers, and `__proto__` no field of a copy. */
function sharedKeys(list: readonly unknown[]): string[] | undefined {
  const keys = new Set<string>()
  for (const item of list) {
    if (typeof item !== 'object' || item === null || Array.isArray(item) || keys.size > MOST_SHARED_KEYS)
      return undefined
    for (const key in item) {
      if (typeof (item as Record<string, unknown>)[key] === 'object') return undefined
      keys.add(key)
    }
  }
  const sorted = [...keys].toSorted()
  return sorted.length > MOST_SHARED_KEYS || sorted.some((key) => /^\d|^__proto__$/.test(key)) ? undefined : sorted
}

function copyOf(item: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const key of keys) if (item[key] !== undefined) copy[key] = item[key]
  return copy
}
