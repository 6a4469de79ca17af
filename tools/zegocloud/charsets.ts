/** Texts as bytes of another charset: platforms decode them all, but encode only UTF-8. */
import iconv from 'iconv-lite'

export const charsets = ['utf-8', 'gb18030', 'utf-16le', 'utf-16be'] as const
export type Charset = (typeof charsets)[number]

/** UTF-16 begins with a byte order mark: without one it is not announced. */
export function toBytes(text: string, charset: Charset): Uint8Array {
  return new Uint8Array(iconv.encode(text, charset, { addBOM: charset.startsWith('utf-16') }))
}
