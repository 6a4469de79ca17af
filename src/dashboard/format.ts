/** Times, counts, names and states as people say them. */
const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const

/** "12 s", "2 h 46 min", "3 d": at most two units, and minutes without seconds. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const first = Math.max(
    0,
    UNITS.findIndex(([, size]) => seconds >= size || size === 1),
  )
  const [unit, size] = UNITS[first]!
  const [smaller, smallerSize] = UNITS[first + 1] ?? UNITS[first]!
  const more = unit === 'd' || unit === 'h' ? Math.floor((seconds % size) / smallerSize) : 0
  return `${Math.floor(seconds / size)} ${unit}${more > 0 ? ` ${more} ${smaller}` : ''}`
}

/** "12 s ago"; the largest unit alone. */
export function ago(at: number, now: number): string {
  if (now - at < 1000) return 'just now'
  return `${duration(now - at)
    .split(' ', 2)
    .join(' ')} ago`
}

/** "2026-11-22 10:00:00 UTC" */
export function utc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** "8 pictures". */
export function plural(count: number, one: string): string {
  return `${count.toLocaleString('en')} ${one}${count === 1 ? '' : 's'}`
}

/** "0:06.0" */
export function minutes(offsetMs: number): string {
  const tenths = Math.round(Math.abs(offsetMs) / 100)
  if (!Number.isSafeInteger(tenths)) return `${offsetMs} ms`
  const seconds = ((tenths % 600) / 10).toFixed(1).padStart(4, '0')
  return `${offsetMs < 0 && tenths > 0 ? '-' : ''}${Math.floor(tenths / 600)}:${seconds}`
}

const VENDORS: ReadonlyMap<string, string> = new Map([
  ['tencent', 'Tencent Cloud'],
  ['hw', 'Huawei Cloud'],
])

export function vendorName(vendor: string): string {
  return VENDORS.get(vendor) ?? vendor
}

export function capitalized(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`
}

export function taskPath(taskId: string): string {
  return `/tasks/${encodeURIComponent(taskId.toWellFormed())}`
}

export function entryPath(id: string): string {
  return `/quarantine/${encodeURIComponent(id.toWellFormed())}`
}
