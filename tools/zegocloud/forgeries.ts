/**
 * What someone can send who does not hold the secret, or who has seen one callback go by.
 * The signature covers secret, timestamp and nonce, not the body: each forgery here but the first carries a signature
 * that is right as far as SHA-1 goes.
 */
import { callbackFor, stamp, type Callback, type Fields, type Stamp } from './callback.ts'

export const forgeries = ['unsigned', 'swapped body', 'stale'] as const
export type Forgery = (typeof forgeries)[number]

/** Further off than any sensible tolerance. */
const STALE_SECONDS = 10_000

/** The forged callback: a task and pictures of the forger's own. */
export function forge(kind: Forgery, captured: Callback, secret: string): Fields {
  const forged = callbackFor({ secret, appid: captured.appid, picturesAt: 'http://forged.invalid' })
  if (kind === 'swapped body') return { ...forged, ...stampOf(captured) }
  if (kind === 'stale') return { ...forged, ...stamp(secret, Math.floor(Date.now() / 1000) - STALE_SECONDS) }
  return Object.fromEntries(Object.entries(forged).filter(([key]) => key !== 'signature'))
}

const stampOf = ({ timestamp, nonce, signature }: Stamp): Stamp => ({ timestamp, nonce, signature })
