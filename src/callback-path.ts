/** The path that callbacks come by: `/zego/callback`, or `/zego/callback/<token>`. */
import { isFault, type Settings } from './settings.ts'
import { isToken } from './token.ts'

/** A doubled slash and another case of these two words are a typing error that costs no callback. */
const CALLBACK_PATH = /^\/+zego\/+callback(?:\/+(.*?))?\/*$/i

/** What follows `/zego/callback/`, as it stands; `undefined` for another path. */
export function tokenIn(pathname: string): string | undefined {
  const match = CALLBACK_PATH.exec(pathname)
  return match ? (match[1] ?? '') : undefined
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
