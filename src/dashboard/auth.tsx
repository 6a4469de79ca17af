/** Who may see the pages: the set-up page while a secret is missing, the sign-in without a session. */
import type { Context } from 'hono'
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie'
import { createMiddleware } from 'hono/factory'
import { isToken } from '../token.ts'
import { log, requestId } from '../log.ts'
import { isFault } from '../settings.ts'
import { SetUp } from './health.tsx'
import { Fact, showPage } from './layout.tsx'
import { formOf, isHttps, type PageEnv } from './page.ts'

const COOKIE = 'zego-snapshots'
const SESSION_SECONDS = 12 * 3600

/** While a secret is missing, every page is the one that says how to set it. */
export const setUp = createMiddleware<PageEnv>(async (c, next) => {
  const { apiTokens, secrets } = c.get('settings')
  if (isFault(apiTokens) || isFault(secrets)) return showPage(c, <SetUp />, { title: 'Set up' })
  return next()
})

/** Lets in whoever has a session. */
export const enter = createMiddleware<PageEnv>(async (c, next) => {
  if (!(await hasSession(c))) {
    const { pathname, search } = new URL(c.req.url)
    const isPost = c.req.method === 'POST'
    const status = pathname === '/' && !isPost ? 200 : 401
    return showPage(c, <SignIn next={isPost ? '/' : pathname + search} />, { title: 'Sign in', status })
  }
  c.set('isSignedIn', true)
  return next()
})

/** The cookie names no token: each that is configured is tried, so that a token's removal ends its sessions. */
async function hasSession(c: Context<PageEnv>): Promise<boolean> {
  for (const token of tokensOf(c)) {
    const endsAt = await getSignedCookie(c, keyOf(token), COOKIE, isHttps(c.req.url) ? 'host' : undefined)
    if (endsAt && Number(endsAt) > c.get('startedAt')) return true
  }
  return false
}

function tokensOf(c: Context<PageEnv>): readonly string[] {
  const { apiTokens } = c.get('settings')
  return isFault(apiTokens) ? [] : apiTokens
}

/** A token signs other things elsewhere: the key of a session is one of its own. */
const keyOf = (token: string) => `zego-snapshots dashboard\n${token}`

const cookieOptions = (url: string) => ({
  path: '/',
  httpOnly: true,
  sameSite: 'Strict' as const,
  ...(isHttps(url) && { prefix: 'host' as const, secure: true }),
})

/** Where a browser goes back to after a session ended. */
export const showSignIn = (c: Context<PageEnv>) => c.redirect('/', 303)

export async function signIn(c: Context<PageEnv>): Promise<Response> {
  const form = await formOf(c)
  const next = ownPath(form.get('next'))
  const address = c.req.header('cf-connecting-ip') ?? ''
  if (!mayTry(address, c.get('startedAt'))) {
    c.header('retry-after', '60')
    return refuse(c, 429, next, 'Too many failures. Wait a minute, then try again.')
  }
  const token = await tokenOf((form.get('token') ?? '').trim(), tokensOf(c))
  if (token === undefined) {
    log('warn', 'dashboard.refused', { request_id: requestId(c.req.raw) })
    return refuse(c, 401, next, 'This is not the API token.')
  }
  takeBack(address)
  log('info', 'dashboard.entered', { request_id: requestId(c.req.raw) })
  const endsAt = c.get('startedAt') + SESSION_SECONDS * 1000
  const options = { ...cookieOptions(c.req.url), maxAge: SESSION_SECONDS }
  await setSignedCookie(c, COOKIE, String(endsAt), keyOf(token), options)
  return c.redirect(next, 303)
}

export function signOut(c: Context<PageEnv>): Response {
  deleteCookie(c, COOKIE, cookieOptions(c.req.url))
  return c.redirect('/', 303)
}

/** The token that was given, if it is one of ours. Takes as long whichever it is. */
async function tokenOf(given: string, tokens: readonly string[]): Promise<string | undefined> {
  const fits = await Promise.all(tokens.map((token) => isToken(given, [token])))
  return tokens.find((_, n) => fits[n])
}

/** A path on this host, and nothing that a browser would take for another one. */
function ownPath(given: string | null): string {
  return given !== null && /^\/(?![/\\])[!-[\]-~]*$/.test(given) ? given : '/'
}

function refuse(c: Context<PageEnv>, status: 401 | 429, next: string, wrong: string) {
  return showPage(c, <SignIn next={next} wrong={wrong} />, { title: 'Sign in', status })
}

function SignIn({ next, wrong }: { next: string; wrong?: string }) {
  return (
    <Fact title="Sign in">
      <p>With the API token of this receiver.</p>
      {wrong !== undefined && (
        <p class="bad" role="alert">
          {wrong}
        </p>
      )}
      <form class="tools" method="post" action="/sign-in">
        <label for="token">API token</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required autofocus />
        <input type="hidden" name="next" value={next} />
        <button>Sign in</button>
      </form>
    </Fact>
  )
}

const MOST_FAILURES = 10
const WINDOW_MS = 60_000
const MOST_ADDRESSES = 10_000

/**
 * When an address failed, in milliseconds; the address that failed last comes last. A cache: each isolate counts its
 * own, so that it slows guessing down, no more.
 */
const failures = new Map<string, number[]>()

/**
 * Counts an attempt as a failure before it is known to be one, so that many at once are no way around the limit.
 * Tells whether it may be made.
 */
function mayTry(address: string, now: number): boolean {
  const own = networkOf(address)
  const recent = (failures.get(own) ?? []).filter((at) => Math.abs(now - at) < WINDOW_MS)
  if (recent.length >= MOST_FAILURES) return false
  failures.delete(own)
  failures.set(own, [...recent, now])
  if (failures.size > MOST_ADDRESSES) failures.delete(failures.keys().next().value!)
  return true
}

/** The attempt succeeded. */
function takeBack(address: string): void {
  failures.get(networkOf(address))?.pop()
}

/** One household has 2^64 addresses of IPv6. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter(Boolean))
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0')
  return [...head, ...zeros, ...tail].slice(0, 4).join(':')
}
