/** Bytes and their text: UTF-8, hashes, and the forms in which a body is kept. */

/** A request's body as it was received, and the two headers that describe it. */
export type RawBody = { bytes: Uint8Array; contentType: string | null; contentEncoding: string | null }

/** The same in JSON, for the buffer and for readers of the API. Bytes that are not UTF-8 are in base64. */
export type RawJson = {
  body?: string
  body_base64?: string
  content_type?: string | null
  content_encoding?: string | null
}

/** D1 holds 2 MB a row: neither a body nor a record is larger. */
export const ROW_LIMIT_BYTES = 1_900_000

const MOST_BYTES_A_UNIT = 3

/** One for all: making an encoder or a decoder costs more than using it. */
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text)
}

/** `undefined` if the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** Most texts are so short that they need not be encoded to know. */
export function isWithin(limitBytes: number, text: string): boolean {
  return text.length * MOST_BYTES_A_UNIT <= limitBytes || bytesOf(text).length <= limitBytes
}

/** In lower-case hex. */
export async function sha256(of: string | Uint8Array): Promise<string> {
  const bytes = typeof of === 'string' ? bytesOf(of) : of
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).toHex()
}

export function rawToJson({ bytes, contentType: content_type, contentEncoding: content_encoding }: RawBody): RawJson {
  const body = decodeUtf8(bytes)
  const headers = { content_type, content_encoding }
  return body === undefined ? { body_base64: bytes.toBase64(), ...headers } : { body, ...headers }
}

export function rawFromJson({ body = '', body_base64, content_type, content_encoding }: RawJson): RawBody {
  const bytes = body_base64 === undefined ? bytesOf(body) : Uint8Array.fromBase64(body_base64)
  return { bytes, contentType: content_type ?? null, contentEncoding: content_encoding ?? null }
}

/** For a column of D1: text as text, so that SQL and people can read it; other bytes as they are. */
export function bytesToColumn(bytes: Uint8Array): string | Uint8Array {
  return decodeUtf8(bytes) ?? bytes
}
