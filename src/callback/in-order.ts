/**
 * A value with its keys sorted at every level: of equal ones `JSON.stringify` writes equal texts, with equal hashes.
 * It is canonical JSON but for keys that are whole numbers, which every object of JavaScript has first.
 */
export function inOrder<Value>(value: Value): Value
export function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: unknown) => inOrder(item))
  const fields = value as Record<string, unknown>
  const keys = Object.keys(fields).toSorted()
  return Object.fromEntries(keys.map((key) => [key, inOrder(fields[key])])) // has `__proto__` as a field like any other
}
