/** Tokens that a request brings: as a bearer, or in the path by which callbacks come. */
import { getPath } from 'hono/utils/url'
import { bytesOf, sha256 } from './callback/bytes.ts'
import { isFault, type Settings } from './settings.ts'

/** Whether a given token is one of ours, in a time that tells nothing of how much of it was right. */
export async function isToken(given: string, tokens: readonly string[]): Promise<boolean> {
  const digest = await digestOf(given)
  let found = false
  for (const token of tokens) {
    if (crypto.subtle.timingSafeEqual(await digestOf(token), digest)) found = true
  }
  return found
}

/** Digests are of equal length, which `timingSafeEqual` demands and which hides the token's own. */
async function digestOf(token: string): Promise<Uint8Array> {
  return bytesOf(await sha256(token))
}

/** What follows `bearer ` in the header; empty where nothing does. */
export function bearerIn(authorization: string): string {
  const scheme = authorization.slice(0, 'bearer '.length)
  return scheme.toLowerCase() === 'bearer ' ? authorization.slice(scheme.length).trim() : ''
}

/**
 * What follows `/zego/callback/`, as it stands; `undefined` for another path. A doubled slash and another case of these
 * two words are a typing error that costs no callback.
 */
export function tokenIn(pathname: string): string | undefined {
  const [first = '', second = '', ...rest] = pathname.split('/').filter((part) => part !== '')
  return `${first}/${second}`.toLowerCase() === 'zego/callback' ? rest.join('/') : undefined
}

/** By which a request is routed: a callback's path is accepted in any spelling, and its token is compared later. */
export function routedPath(request: Request): string {
  const path = getPath(request)
  return tokenIn(path) === undefined ? path : '/zego/callback'
}

/** Whether a callback may come by this path. */
export async function isRightPath(pathname: string, tokens: readonly string[]): Promise<boolean> {
  const given = tokenIn(pathname)
  if (given === undefined || tokens.length === 0) return given !== undefined
  return (await isToken(given, tokens)) || isToken(decodePath(given), tokens)
}

/** A part of a path as it was meant; as it stands where its percent-encoding is broken. */
export function decodePath(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** As short as the words that belong there: a token is longer. */
const WORD = /^[a-z]{1,12}$/i

/** A path for the log, to find a typing error by: every part that could be a token is replaced. */
export function pathWithoutToken(pathname: string, { pathTokens }: Settings): string {
  const tokens = isFault(pathTokens) ? [] : pathTokens
  const isShown = (part: string) => part === '' || (WORD.test(part) && !tokens.includes(decodePath(part)))
  const shown = pathname.split('/').map((part) => (isShown(part) ? part : '…'))
  return tokenIn(pathname) ? '/zego/callback/…' : shown.slice(0, 6).join('/')
}
