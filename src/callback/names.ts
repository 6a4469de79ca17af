/** ZEGOCLOUD's callbacks spell one name in many ways (`task_id`, `TaskId`, `taskid`): case and underscores do not count. */

export const DOCUMENTED_FIELDS: ReadonlySet<string> = new Set([
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

/** Whether it begins like a documented name: perhaps a part of that field, in a form that we do not know. */
export function resemblesDocumented(name: string): boolean {
  const start = bare(name)
  return [...FIELD_SPELLINGS.keys()].some((spelling) => start.startsWith(spelling))
}

/**
 * Entries under their documented names, and the others under their own. Where a name is repeated, the last entry
 * counts; where it comes in several spellings, the documented one, or else the last.
 * @param isAbsent which values count as not sent: they do not hide another spelling
 */
export function underDocumentedNames<Value>(
  entries: Iterable<readonly [string, Value]>,
  documented: ReadonlyMap<string, string>,
  isAbsent: (name: string, value: Value) => boolean,
): Map<string, Value> {
  const lastOfEach = new Map<string, Value>()
  for (const [key, value] of entries) {
    lastOfEach.delete(key) // so that it stands where it came last
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
