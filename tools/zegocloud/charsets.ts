/** Texts as bytes of another charset: platforms decode them all, but encode only UTF-8. */

export const charsets = ['utf-8', 'gb18030', 'utf-16le', 'utf-16be'] as const
export type Charset = (typeof charsets)[number]

/** UTF-16 begins with a byte order mark: without one it is not announced. */
export function toBytes(text: string, charset: Charset): Uint8Array {
  if (charset === 'utf-8') return new TextEncoder().encode(text)
  if (charset === 'gb18030') return Uint8Array.from(Array.from(text, gb18030Of).flat())
  const isLittleEndian = charset === 'utf-16le'
  const bytes = new DataView(new ArrayBuffer(2 * text.length + 2))
  for (const [index, unit] of Array.from(`\uFEFF${text}`, unitsOf).flat().entries()) {
    bytes.setUint16(2 * index, unit, isLittleEndian)
  }
  return new Uint8Array(bytes.buffer)
}

/** Characters beyond U+FFFF are counted from here, four bytes each. */
const ASTRAL_POINTER = 189_000

function gb18030Of(character: string): number[] {
  const point = character.codePointAt(0) ?? 0
  if (point < 0x80) return [point]
  if (point > 0xffff) return fourBytes(point - 0x10000 + ASTRAL_POINTER)
  table ??= basicTable()
  const bytes = table.get(character)
  if (bytes === undefined) throw new Error(`GB18030 has no character U+${point.toString(16)}`)
  return bytes
}

let table: Map<string, number[]> | undefined

/** What the platform's decoder reads, the other way round. */
function basicTable(): Map<string, number[]> {
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
  const two = range(0x81, 0xfe).flatMap((lead) => range(0x40, 0xfe).map((trail) => [lead, trail]))
  const four = range(0, 39_419).map(fourBytes)
  const all = [...four, ...two]
  const characters = new TextDecoder('gb18030').decode(Uint8Array.from(all.flatMap((bytes) => [...bytes, 0x0a])))
  const entries = characters.split('\n').map((character, index) => [character, all[index]!] as const)
  return new Map(entries.filter(([character]) => character.length === 1 && character !== '\uFFFD'))
}

function fourBytes(pointer: number): number[] {
  const digits = [Math.floor(pointer / 12_600), Math.floor(pointer / 1260) % 10, Math.floor(pointer / 10) % 126]
  return [0x81 + digits[0]!, 0x30 + digits[1]!, 0x81 + digits[2]!, 0x30 + (pointer % 10)]
}

function unitsOf(character: string): number[] {
  return Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
}
