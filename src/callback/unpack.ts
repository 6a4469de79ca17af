/** A body that was packed with gzip or deflate. Its first bytes say so: a proxy may have dropped the header, or lie. */
import { ROW_LIMIT_BYTES } from './bytes.ts'
import type { Refusal } from './refusal.ts'

type Method = 'gunzipSync' | 'inflateSync' | 'inflateRawSync'
type TooLarge = Extract<Refusal, { code: 'body_too_large' }>

/** A sender may pack, and a proxy pack once more. */
const MOST_LAYERS = 2

/** The unpacked bytes, or the given ones if they are not packed. */
export async function unpack(packed: Uint8Array, mostLayers = MOST_LAYERS): Promise<Uint8Array | TooLarge> {
  const method = mostLayers > 0 ? methodOf(packed) : undefined
  const inner = method && (await unpackWith(method, packed))
  if (inner === undefined || 'code' in inner) return inner ?? packed
  return unpack(inner, mostLayers - 1)
}

/** For bytes that are no callback: deflate without zlib's header cannot be recognized. `undefined` if it is not that. */
export async function unpackRaw(packed: Uint8Array): Promise<Uint8Array | TooLarge | undefined> {
  const inner = await unpackWith('inflateRawSync', packed)
  return inner === undefined || 'code' in inner ? inner : unpack(inner, MOST_LAYERS - 1)
}

function methodOf([first = 0, second = 0, third]: Uint8Array): Method | undefined {
  if (first === 0x1f && second === 0x8b && third === 8) return 'gunzipSync'
  const isZlib = (first & 0x8f) === 8 && (first * 256 + second) % 31 === 0
  return isZlib ? 'inflateSync' : undefined
}

async function unpackWith(method: Method, bytes: Uint8Array): Promise<Uint8Array | TooLarge | undefined> {
  // Imported when first needed, so that start-up does not pay for it. `DecompressionStream` would unpack a bomb whole.
  const zlib = await import('node:zlib')
  try {
    return zlib[method](bytes, { maxOutputLength: ROW_LIMIT_BYTES })
  } catch (error) {
    return error instanceof RangeError ? { code: 'body_too_large' } : undefined
  }
}
