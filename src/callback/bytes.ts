/** The UTF-8 bytes of a text, and what is asked of them. */

/** One for all: making an encoder costs more than using it. */
const encoder = new TextEncoder()

const MOST_BYTES_A_UNIT = 3

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text)
}

/** Most texts are so short that they need not be encoded to know. */
export function isWithin(limitBytes: number, text: string): boolean {
  return text.length * MOST_BYTES_A_UNIT <= limitBytes || bytesOf(text).length <= limitBytes
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Whether the bytes are UTF-8. */
export function isText(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes)
    return true
  } catch {
    return false
  }
}

/** In lower-case hex. */
export async function sha256(of: string | Uint8Array): Promise<string> {
  const bytes = typeof of === 'string' ? bytesOf(of) : of
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).toHex()
}
