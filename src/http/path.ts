/** A path's part as it was meant; as it stands where its percent-encoding is broken. */
export function decodePath(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
