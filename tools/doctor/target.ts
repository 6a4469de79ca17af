/** The URL that was given: where callbacks go, where results are read, and how it may be shown. */

export type Target = {
  /** Where callbacks are taken; with the path token where one is known. */
  callbackUrl: string
  origin: string
  host: string
  pathToken: string | undefined
  /** The Worker of `npm start`. */
  isLocal: boolean
  /** As it may be printed: without its token and query. */
  shown: string
}

const PATH = '/zego/callback'

/** One line for whoever typed it. */
export class TargetError extends Error {}

/** @param pathToken is put behind a URL that has none */
export function targetOf(given: string, pathToken?: string): Target {
  const url = urlOf(given)
  const token = tokenIn(url) ?? (pathToken === undefined ? undefined : encodeURIComponent(pathToken))
  const path = token === undefined ? PATH : `${PATH}/${token}`
  return {
    callbackUrl: `${url.origin}${path}${url.search}`,
    origin: url.origin,
    host: url.host,
    pathToken: token === undefined ? undefined : decoded(token),
    isLocal: ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname),
    shown: `${url.origin}${PATH}${token === undefined ? '' : '/…'}`,
  }
}

/** What was given is not repeated: it may hold a token. */
function urlOf(given: string): URL {
  if (!/^https?:\/\//i.test(given) || !URL.canParse(given)) {
    throw new TargetError('the URL has to begin with https:// (or http:// on this machine)')
  }
  const url = new URL(given)
  if (url.username || url.password) throw new TargetError('the URL must not hold a user name or a password')
  return url
}

function tokenIn({ pathname }: URL): string | undefined {
  if (pathname === '/') return undefined
  if (pathname !== PATH && !pathname.startsWith(`${PATH}/`)) {
    throw new TargetError(
      `callbacks are taken at ${PATH} and below it, and this URL has another path. If ZEGOCLOUD has it, it needs the right one`,
    )
  }
  return pathname.slice(PATH.length + 1).replace(/\/$/, '') || undefined
}

function decoded(token: string): string {
  try {
    return decodeURIComponent(token)
  } catch {
    return token
  }
}
