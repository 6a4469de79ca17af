/** Whether a content's pictures are those of ZEGOCLOUD's answer: the same URLs, in the same order. */

export function areSame(stored: readonly string[], zegocloud: readonly string[]): boolean {
  return stored.length === zegocloud.length && stored.every((url, at) => isSame(url, zegocloud[at]!))
}

/** Huawei's answer has names relative to a bucket (`record/a/0.jpg`): they are the end of the URL's path. */
function isSame(url: string, answer: string): boolean {
  if (url === answer) return true
  if (isAbsolute(answer)) return isAbsolute(url) ? false : endsWith(answer, url)
  return isAbsolute(url) && endsWith(url, answer)
}

function isAbsolute(url: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(url)
}

function endsWith(url: string, name: string): boolean {
  const end = `/${name.replace(/^\/+/, '')}`
  if (end === '/') return false
  const path = URL.canParse(url) ? new URL(url).pathname : ''
  return path.endsWith(end) || path.endsWith(URL.canParse(end, url) ? new URL(end, url).pathname : end)
}
