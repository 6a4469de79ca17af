/**
 * Bytes become characters. ZEGOCLOUD documents no charset, so the bytes decide: UTF-8 if they are valid UTF-8, UTF-16 if
 * they begin with its byte order mark. Only otherwise the charset that the Content-Type declares counts, and if that does
 * not fit, GB18030, which includes GBK.
 */
import { bytesOf, decodeUtf8 } from './bytes.ts'

/**
 * `isExact` tells whether the bytes are valid in one of these encodings. If they are not, each byte is one character, so
 * that the ASCII parts can be read and different bytes remain different texts.
 */
export type Text = { text: string; isExact: boolean }

type Texts = { texts: string[]; isExact: boolean }

/** `undefined` for bytes that are not valid in the encoding. */
type Decode = (bytes: Uint8Array) => string | undefined

const byteByByte = new TextDecoder('latin1')

/** Whether it may have bytes that are not UTF-8: U+FFFD stands for them, unless it was sent itself. */
export const hasReplacement = (text: string) => text.includes('\uFFFD')

const isAscii = (text: string) => !/[^\0-\x7f]/.test(text)

const [PERCENT, PLUS, SPACE] = [0x25, 0x2b, 0x20]

/** The text of a whole body. */
export function readBody(bytes: Uint8Array, contentType: string | null): Text {
  const unicode = decodeUtf16(bytes) ?? decodeUtf8(bytes)
  if (unicode !== undefined) return { text: unicode, isExact: true }
  return onlyOf(readTogether([bytes], decodersFor(contentType)))
}

/** Percent-encoding undone, `+` for a space; `undefined` if a `%` is not followed by two digits. */
export function percentDecode(text: string, contentType: string | null): Text | undefined {
  try {
    return { text: decodeURIComponent(text.replaceAll('+', ' ')), isExact: true }
  } catch {
    return /%(?![\da-f]{2})/i.test(text) ? undefined : onlyOf(percentDecodeAll([text], contentType))
  }
}

/** The same for texts that belong together: all are read in one encoding. A `%` without two digits stays. */
export function percentDecodeAll(texts: readonly string[], contentType: string | null): Texts {
  // Characters beyond ASCII have been read already: the bytes beside them can only be UTF-8.
  const isReadable = texts.every((text) => text.isWellFormed())
  return readTogether(
    texts.map(percentBytes),
    texts.every(isAscii) ? decodersFor(contentType) : isReadable ? [decodeUtf8] : [],
  )
}

const onlyOf = ({ texts, isExact }: Texts): Text => ({ text: texts[0] ?? '', isExact })

/** In the first encoding in which all are valid. */
function readTogether(all: readonly Uint8Array[], decoders: readonly Decode[]): Texts {
  for (const decode of decoders) {
    const texts = all.map(decode)
    if (texts.every((text) => text !== undefined)) return { texts, isExact: true }
  }
  return { texts: all.map((bytes) => byteByByte.decode(bytes)), isExact: false }
}

function decodersFor(contentType: string | null): Decode[] {
  const declared = /;\s*charset\s*=\s*["']?([^\s;"']+)/i.exec(contentType ?? '')?.[1] ?? ''
  // A header that only claims UTF-16 would make nearly any bytes fit.
  const label = /^utf-?16/i.test(declared) ? '' : declared
  return [decodeUtf8, ...decodersOf(label), ...decodersOf('gb18030')]
}

/** By its byte order mark. */
function decodeUtf16(bytes: Uint8Array): string | undefined {
  const mark = bytes.subarray(0, 2).toHex()
  const label = { fffe: 'utf-16le', feff: 'utf-16be' }[mark]
  return label && decodersOf(label)[0]?.(bytes)
}

/** None for a label that names no encoding. */
function decodersOf(label: string): Decode[] {
  try {
    const decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true })
    return [(bytes) => tryDecode(decoder, bytes)]
  } catch {
    return []
  }
}

function tryDecode(decoder: TextDecoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** The bytes of a text whose percent-encoding is undone. */
function percentBytes(text: string): Uint8Array {
  const given = bytesOf(text)
  const bytes = new Uint8Array(given.length)
  let length = 0
  for (let at = 0; at < given.length; at += 1) {
    const byte = given[at]!
    const escaped = byte === PERCENT ? hexDigit(given[at + 1]) * 16 + hexDigit(given[at + 2]) : Number.NaN
    bytes[length] = Number.isNaN(escaped) ? (byte === PLUS ? SPACE : byte) : escaped
    if (!Number.isNaN(escaped)) at += 2
    length += 1
  }
  return bytes.subarray(0, length)
}

/** The value of a hexadecimal digit's ASCII code, or NaN. */
function hexDigit(code = 0): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : Number.NaN
}
