/** What kind of picture bytes are. Hosts often send them under a general type, or under none: the first bytes tell. */
export const KINDS = {
  jpg: { type: 'image/jpeg', isOne: (text: string) => text.startsWith('\xff\xd8\xff') },
  png: { type: 'image/png', isOne: (text: string) => text.startsWith('\x89PNG\r\n\x1a\n') },
  webp: { type: 'image/webp', isOne: (text: string) => /^RIFF.{4}WEBP/s.test(text) },
}
export type Suffix = keyof typeof KINDS

export function suffixOf(picture: Uint8Array): Suffix | undefined {
  const text = String.fromCharCode(...picture.subarray(0, 12))
  return (Object.keys(KINDS) as Suffix[]).find((suffix) => KINDS[suffix].isOne(text))
}
