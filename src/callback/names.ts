/** ZEGOCLOUD's callbacks spell one name in many ways (`task_id`, `TaskId`, `taskid`): matched without case and underscores. */

const bare = (name: string) => name.toLowerCase().replaceAll('_', '')

/** Documented names by their bare spelling, and by themselves: most need no second look. */
export function spellings(names: Iterable<string>): ReadonlyMap<string, string> {
  return new Map([...names].flatMap((name) => [bare(name), name].map((spelling) => [spelling, name] as const)))
}

/**
 * Entries under their documented names, and the others under their own. Of one name's repeats the last wins; of
 * several spellings the documented one, else the last.
 * @param isAbsent which values count as not sent: they do not hide another spelling
 */
export function underDocumentedNames<Value>(
  entries: Iterable<readonly [string, Value]>,
  documented: ReadonlyMap<string, string>,
  isAbsent: (name: string, value: Value) => boolean,
): Map<string, Value> {
  const lastOfEach = new Map<string, Value>()
  for (const [key, value] of entries) {
    lastOfEach.delete(key) // so that it counts where it came last
    lastOfEach.set(key, value)
  }
  const named = new Map<string, Value>()
  const asDocumented = new Set<string>()
  for (const [key, value] of lastOfEach) {
    const name = documented.get(key) ?? documented.get(bare(key)) ?? key
    if (isAbsent(name, value) || (name !== key && asDocumented.has(name))) continue
    if (name === key) asDocumented.add(name)
    named.set(name, value)
  }
  return named
}
