/**
 * Who is signed in: a signed cookie, and nothing stored.
 *
 * It is signed with a key made of the API token that was given. It names no token: it is held against each that is
 * configured, so that a token's removal ends its sessions. It opens the dashboard's pages and nothing else.
 */
import { bytesOf } from '../callback/bytes.ts'
import { isToken } from '../token.ts'

export const SESSION_SECONDS = 12 * 3600

export type Session = {
  /** What each form of the session has to send along. */
  csrf: string
}

const COOKIE = /^(\d{13}\.[0-9a-f]{32})\.([0-9a-f]{64})$/

/** The token that was given, if it is one of ours. Takes as long whichever it is. */
export async function tokenOf(given: string, tokens: readonly string[]): Promise<string | undefined> {
  const fits = await Promise.all(tokens.map((token) => isToken(given, [token])))
  return tokens.find((_, n) => fits[n])
}

/**
 * The value of a new session's cookie.
 * @param now in milliseconds
 */
export async function openSession(token: string, now: number): Promise<string> {
  const id = crypto.getRandomValues(new Uint8Array(16)).toHex()
  const claim = `${now + SESSION_SECONDS * 1000}.${id}`
  return `${claim}.${await sign(await keyOf(token), `session ${claim}`)}`
}

/** The session of a cookie, if one of the tokens signed it and it has not ended. */
export async function sessionOf(cookie: string, tokens: readonly string[], now: number): Promise<Session | undefined> {
  const [, claim, signature] = COOKIE.exec(cookie) ?? []
  if (claim === undefined || signature === undefined || Number(claim.slice(0, 13)) <= now) return undefined
  for (const token of tokens) {
    const key = await keyOf(token)
    const signed = bytesOf(`session ${claim}`)
    if (await crypto.subtle.verify('HMAC', key, Uint8Array.fromHex(signature), signed)) {
      return { csrf: await sign(key, `form ${claim}`) }
    }
  }
  return undefined
}

/** Whether a form belongs to the session. */
export async function isOwnForm({ csrf }: Session, given: string | null): Promise<boolean> {
  return given !== null && isToken(given, [csrf])
}

async function keyOf(token: string): Promise<CryptoKey> {
  const secret = await crypto.subtle.digest('SHA-256', bytesOf(`zego-snapshots dashboard\n${token}`))
  return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}

async function sign(key: CryptoKey, text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, bytesOf(text))).toHex()
}
