/** A path's part as it was meant; as it stands where its percent-encoding is broken. */
export function decodePath(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The n-th part of a URL's path, decoded. Hono decodes less than all of it (`%2F`, `%25`), and an id may hold anything. */
export function partOf(url: string, n: number): string {
  return decodePath(new URL(url).pathname.split('/')[n] ?? '')
}
