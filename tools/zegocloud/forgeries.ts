/**
 * What someone can send who does not hold the secret, or who has seen one callback go by.
 * The signature covers secret, timestamp and nonce, not the body: each forgery here but the first carries a signature
 * that is right as far as SHA-1 goes.
 */
import { callbackFor, stamp, type Callback, type Fields } from './callback.ts'

/** Further off than any sensible tolerance. */
const STALE_SECONDS = 10_000

/** One of each kind: tasks and pictures of the forger's own. */
export function forgeriesFrom({ appid, timestamp, nonce, signature }: Callback, secret: string): [string, Fields][] {
  const forged = () => callbackFor({ secret, appid, picturesAt: 'http://forged.invalid' })
  const { signature: _signature, ...unsigned } = forged()
  return [
    ['unsigned', unsigned],
    ['swapped body', { ...forged(), timestamp, nonce, signature }],
    ['stale', { ...forged(), ...stamp(secret, Math.floor(Date.now() / 1000) - STALE_SECONDS) }],
  ]
}
