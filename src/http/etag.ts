/** Entity tags: a reader who has the text already is told so. */
import { sha256 } from '../callback/bytes.ts'

const TAG_LENGTH = 32

/** Strong: equal tags, equal bytes. */
export async function etagOf(text: string): Promise<string> {
  return `"${(await sha256(text)).slice(0, TAG_LENGTH)}"`
}

/** Whether an `If-None-Match` names the tag: in a list, weakly, or as `*`. */
export function isNamed(etag: string, ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  return [...ifNoneMatch.matchAll(/"[^"]*"/g)].some(([tag]) => tag === etag)
}
