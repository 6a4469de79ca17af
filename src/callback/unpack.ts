/** A body that was packed with gzip or deflate. Its first bytes say so: a proxy may have dropped the header, or lie. */
import { BODY_LIMIT_BYTES, type Refusal } from './refusal.ts'

type Method = 'gunzipSync' | 'inflateSync' | 'inflateRawSync'

/** A sender may pack, and a proxy pack once more. */
const MOST_LAYERS = 2

/** The unpacked bytes, or the given ones if they are not packed. */
export async function unpack(
  packed: Uint8Array,
  contentEncoding: string | null,
): Promise<Uint8Array | Extract<Refusal, { code: 'body_too_large' }>> {
  let bytes = packed
  for (let layer = 0; layer < MOST_LAYERS; layer += 1) {
    // Deflate without zlib's header cannot be recognized: only the HTTP header tells, and only of the outermost layer.
    const mayBeRaw = layer === 0 && /deflate/i.test(contentEncoding ?? '')
    const inner = await tryMethods(bytes, [...methodsOf(bytes), ...(mayBeRaw ? (['inflateRawSync'] as const) : [])])
    if (inner === undefined) break
    if (inner === 'too large') return { code: 'body_too_large' }
    bytes = inner
  }
  return bytes
}

function methodsOf([first = 0, second = 0, third]: Uint8Array): Method[] {
  if (first === 0x1f && second === 0x8b && third === 8) return ['gunzipSync']
  const isZlib = (first & 0x8f) === 8 && (first * 256 + second) % 31 === 0
  return isZlib ? ['inflateSync'] : []
}

async function tryMethods(bytes: Uint8Array, methods: Method[]): Promise<Uint8Array | 'too large' | undefined> {
  if (methods.length === 0) return undefined
  // Imported when first needed, so that start-up does not pay for it. `DecompressionStream` would unpack a bomb whole.
  const zlib = await import('node:zlib')
  for (const method of methods) {
    try {
      return zlib[method](bytes, { maxOutputLength: BODY_LIMIT_BYTES })
    } catch (error) {
      if (error instanceof RangeError) return 'too large'
    }
  }
  return undefined
}
