/** A browser without a screen: it keeps its cookie, and says where its forms come from. */
import { request } from '../worker.ts'

const ORIGIN = 'https://receiver.test'

type Settings = Record<string, unknown>

/** @param settings replace those of vitest.config.ts; bindings too */
export function visitor(settings: Settings = {}, origin = ORIGIN) {
  let cookie = ''

  async function open(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...(cookie && { cookie }), ...(init.headers as Record<string, string>) }
    const answer = await request(origin + path, { redirect: 'manual', ...init, headers }, settings)
    const [given] = (answer.headers.get('set-cookie') ?? '').split(';')
    if (given) cookie = given
    return answer
  }

  function submit(
    path: string,
    fields: Record<string, string> | [string, string][] = {},
    headers = {},
  ): Promise<Response> {
    return open(path, { method: 'POST', body: new URLSearchParams(fields), headers: { origin, ...headers } })
  }

  return {
    open,
    submit,
    signIn: (token = 'test-token', headers = {}) => submit('/sign-in', { token, next: '/' }, headers),
    get cookie() {
      return cookie
    },
    set cookie(value: string) {
      cookie = value
    },
  }
}

/** Somebody who has signed in. */
export async function signedIn(settings: Settings = {}, origin = ORIGIN) {
  const someone = visitor(settings, origin)
  await someone.signIn()
  return someone
}

let lastAddress = 0

/** An address that nobody else in this isolate has failed from. */
export function freshAddress(): Record<string, string> {
  lastAddress += 1
  return { 'cf-connecting-ip': `192.0.2.${lastAddress}` }
}

export async function pageOf(answer: Response): Promise<{ status: number; text: string }> {
  return { status: answer.status, text: await answer.text() }
}

/** Where a page's link to the page beside it leads. */
export function linkOf(text: string, rel: 'prev' | 'next'): string | undefined {
  return new RegExp(`href="([^"]+)" rel="${rel}"`).exec(text)?.[1]?.replaceAll('&amp;', '&')
}
