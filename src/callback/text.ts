/**
 * Bytes become characters. ZEGOCLOUD documents no charset, so the bytes decide: UTF-8 if they are valid UTF-8, and more
 * likely that than GBK. Only otherwise the charset that the Content-Type declares counts, and if that does not fit,
 * GB18030, which includes GBK.
 */
import { bytesOf } from './bytes.ts'

/**
 * `fits` tells whether the bytes are valid in any of these encodings. If they are not, each byte is one character, so
 * that the ASCII parts can be read and different bytes remain different texts.
 */
export type Text = { text: string; fits: boolean }

type Texts = { texts: string[]; fits: boolean }

type Decoder = { decode: (bytes: Uint8Array) => string }

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const byteByByte = new TextDecoder('latin1')

/**
 * Some words of GBK are also valid UTF-8, as letters that hardly anyone writes: 图片, "picture", reads as ͼƬ. Letters of
 * living alphabets and combining accents are left out.
 */
const UNLIKELY = /[\u0180-\u019f\u01a2-\u01ae\u01b1-\u02ad\u0370-\u0383\u03cf-\u03ff]/
/** Two bytes of GBK, in the part that common words are made of. */
const HANZI = /[\xb0-\xf7][\xa1-\xfe]/g

const utf8: Decoder = {
  decode(bytes) {
    const text = strictUtf8.decode(bytes)
    if (UNLIKELY.test(text) && isAscii(byteByByte.decode(bytes).replaceAll(HANZI, ''))) throw new TypeError('it is GBK')
    return text
  },
}

/** Whether UTF-8 is perhaps not what the sender wrote. U+FFFD stands for bytes that are not UTF-8, unless it was sent itself. */
export const mayBeMisread = (text: string) => text.includes('\uFFFD') || UNLIKELY.test(text)

const isAscii = (text: string) => !/[^\0-\x7f]/.test(text)

const [PERCENT, PLUS, SPACE] = [0x25, 0x2b, 0x20]
const HEX = '0123456789ABCDEF'

/** UTF-8, or `undefined`. */
export function readUtf8(bytes: Uint8Array): Text | undefined {
  const text = tryDecode(utf8, bytes)
  return text === undefined ? undefined : { text, fits: true }
}

/** The text of a whole body. */
export function readBody(bytes: Uint8Array, contentType: string | null): Text {
  const unicode = tryDecode(utf16(bytes) ?? utf8, bytes)
  if (unicode !== undefined) return { text: unicode, fits: true }
  const body = onlyOf(readTogether([bytes], decodersFor(contentType)))
  if (/^\s*(?:["{]|--)/.test(body.text)) return body
  // A form. Some bytes of one character may be percent-encoded and others not: now all are, to be read together.
  return { text: percentEncoded(bytes), fits: true }
}

/** Percent-encoding undone, `+` for a space; `undefined` if a `%` is not followed by two digits. */
export function percentDecode(text: string, contentType: string | null): Text | undefined {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '))
    return mayBeMisread(decoded) ? onlyOf(percentDecodeAll([text], contentType)) : { text: decoded, fits: true }
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
    texts.every(isAscii) ? decodersFor(contentType) : isReadable ? [utf8] : [],
  )
}

const onlyOf = ({ texts, fits }: Texts): Text => ({ text: texts[0] ?? '', fits })

/** In the first encoding in which all are valid. */
function readTogether(all: readonly Uint8Array[], decoders: readonly Decoder[]): Texts {
  for (const decoder of decoders) {
    const texts = all.map((bytes) => tryDecode(decoder, bytes))
    if (texts.every((text) => text !== undefined)) return { texts, fits: true }
  }
  return { texts: all.map((bytes) => byteByByte.decode(bytes)), fits: false }
}

function decodersFor(contentType: string | null): Decoder[] {
  const declared = /;\s*charset\s*=\s*["']?([^\s;"']+)/i.exec(contentType ?? '')?.[1] ?? ''
  // UTF-16 is recognized by its bytes. A header that only claims it would make nearly any bytes fit.
  const label = /^utf-?16/i.test(declared) ? '' : declared
  return [utf8, decoderOf(label), decoderOf('gb18030')].filter((decoder) => decoder !== undefined)
}

/** By its byte order mark, or by the zeros of its first character: no other text of ours begins with a zero. */
function utf16([first, second]: Uint8Array): TextDecoder | undefined {
  if (first === undefined || second === undefined) return undefined
  if ((first === 0xff && second === 0xfe) || second === 0) return decoderOf('utf-16le')
  return (first === 0xfe && second === 0xff) || first === 0 ? decoderOf('utf-16be') : undefined
}

/** `undefined` for a label that names no encoding. */
function decoderOf(label: string): TextDecoder | undefined {
  try {
    return new TextDecoder(label, { fatal: true, ignoreBOM: true })
  } catch {
    return undefined
  }
}

function tryDecode(decoder: Decoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** The bytes beyond ASCII percent-encoded. */
function percentEncoded(bytes: Uint8Array): string {
  const encoded = new Uint8Array(3 * bytes.length)
  let length = 0
  for (const byte of bytes) {
    if (byte < 0x80) encoded[length++] = byte
    else for (const code of [PERCENT, HEX.charCodeAt(byte >> 4), HEX.charCodeAt(byte & 15)]) encoded[length++] = code
  }
  return byteByByte.decode(encoded.subarray(0, length))
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
