/** How a picture's URL may be used: as a link and an image over http or https, or else as words alone. */

export type Shown =
  /** `original` is ZEGOCLOUD's own; `source` is what this page can load. */
  | { original: string; source: string; host: string }
  /** What has no host, as Huawei's relative names. */
  | { name: string }

const LONGEST_NAME = 120

/** @param isHttps whether the page is: then `http:` is tried as `https:`, as browsers load nothing less */
export function shownPicture(url: string, isHttps: boolean): Shown {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return { name: nameOf(url) }
  const original = parsed.href
  const { host } = parsed
  return { original, source: isHttps ? original.replace(/^http:/, 'https:') : original, host }
}

/** The last part of a path; of anything else, such as a script, what it is. */
function nameOf(url: string): string {
  const path = /^[a-z][a-z0-9+.-]*:/i.test(url) ? url : (url.split(/[?#]/)[0]!.split('/').findLast(Boolean) ?? url)
  return path.length > LONGEST_NAME ? `${path.slice(0, LONGEST_NAME)}…`.toWellFormed() : path
}
