/**
 * What someone can send who does not hold the secret, or who has seen one callback go by.
 * The signature covers secret, timestamp and nonce, and no separator stands between them: each forgery here but the
 * first carries a signature that is right as far as SHA-1 goes.
 */
import { callbackFor, sign, stamp, type Callback, type Fields, type Stamp } from './callback.ts'

export const forgeries = ['unsigned', 'swapped body', 're-split signature', 'stale'] as const
export type Forgery = (typeof forgeries)[number]

/** Further off than any sensible tolerance. */
const STALE_SECONDS = 10_000

/** A re-split timestamp must be fresh as well, so it is taken this close to the real one. */
const RESPLIT_SECONDS = 5

/** The forged callback: a task and pictures of the forger's own. Undefined: this captured signature has no other split. */
export function forge(kind: Forgery, captured: Callback, secret: string): Fields | undefined {
  const forged = callbackFor({ secret, appid: captured.appid, picturesAt: 'http://forged.invalid' })
  if (kind === 'swapped body') return { ...forged, ...stampOf(captured) }
  if (kind === 'stale') return { ...forged, ...stamp(secret, Math.floor(Date.now() / 1000) - STALE_SECONDS) }
  if (kind === 'unsigned') return Object.fromEntries(Object.entries(forged).filter(([key]) => key !== 'signature'))
  const split = resplits(captured, secret).find(({ timestamp }) => isNear(timestamp, captured.timestamp))
  return split && { ...forged, ...split }
}

const stampOf = ({ timestamp, nonce, signature }: Stamp): Stamp => ({ timestamp, nonce, signature })

const isNear = (one: string, other: string) => Math.abs(Number(one) - Number(other)) <= RESPLIT_SECONDS

/** Every other pair with a timestamp of ten digits for which the same signature holds. */
export function resplits({ timestamp, nonce, signature }: Stamp, secret: string): Stamp[] {
  const joined = [timestamp + nonce, nonce + timestamp]
  const pairs = joined.flatMap((characters) => [
    { timestamp: characters.slice(0, 10), nonce: characters.slice(10) },
    { timestamp: characters.slice(-10), nonce: characters.slice(0, -10) },
  ])
  return pairs
    .filter((pair) => /^\d{10}$/.test(pair.timestamp) && pair.nonce !== '' && pair.nonce !== nonce)
    .filter((pair) => sign({ secret, ...pair }) === signature.toLowerCase())
    .map((pair) => ({ ...pair, signature }))
}

/**
 * A stamp whose nonce ends in another fresh timestamp, so that it can be re-split. The digits before it decide how the
 * three strings sort, and the secret must not come to stand between them. A plain stamp when there are none.
 */
export function resplittableStamp(secret: string): Stamp {
  const now = Math.floor(Date.now() / 1000)
  const padding = String(process.hrtime.bigint()).slice(-8)
  const stamps = ['18', '2', '3', '5', '7', '9'].map((lead) =>
    stamp(secret, now, `${lead}${padding}${now + RESPLIT_SECONDS}`),
  )
  return stamps.find((each) => resplits(each, secret).length > 0) ?? stamp(secret)
}
