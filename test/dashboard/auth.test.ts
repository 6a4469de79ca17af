import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { PAGES } from '../../src/dashboard/app.tsx'
import { signedCallback } from '../callbacks.ts'
import { deliver, request } from '../worker.ts'
import { freshAddress, signedIn, visitor } from './visitor.ts'

/** Every page of the table, at an address of its own. */
const pages = PAGES.map(({ path, ...page }) => ({
  ...page,
  path: path.replace(':task_id', 'secret-task').replace(':id', 'stale:1'),
}))
const PATHS = pages.filter(({ method }) => method === 'GET').map(({ path }) => path)
const CLOSED = pages.filter(({ isOpen }) => !isOpen)
const FORMS = pages.filter(({ method }) => method === 'POST').map(({ path }) => path)

const ask = (someone: ReturnType<typeof visitor>, { method, path }: { method: string; path: string }) =>
  method === 'GET' ? someone.open(path) : someone.submit(path)

describe('the sign-in', () => {
  it('is all that is shown without a session', async () => {
    await deliver(signedCallback({ task_id: 'secret-task' }))
    for (const page of CLOSED) {
      const answer = await ask(visitor(), page)
      const text = await answer.text()
      expect([page, answer.status]).toEqual([page, page.path === '/' ? 200 : 401])
      expect(text.replace(/name="next" value="[^"]*"/, '')).not.toContain('secret-task')
      expect(text).toContain('<h1>Sign in</h1>')
    }
  })

  it('opens with each API token that is set', async () => {
    for (const token of ['new', ' test-token ']) {
      const someone = visitor({ API_TOKEN: '["new","test-token"]' })
      const answer = await someone.signIn(token)
      expect([answer.status, answer.headers.get('location')]).toEqual([303, '/'])
      expect((await someone.open('/quarantine')).status).toBe(200)
    }
  })

  it('gives a cookie for this host alone, for twelve hours, that no script reads', async () => {
    const given = (await visitor().signIn()).headers.get('set-cookie')!
    expect(given).toMatch(/^__Host-zego-snapshots=[^;]+; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Strict$/)
    const plain = (await visitor({}, 'http://127.0.0.1:8787').signIn()).headers.get('set-cookie')!
    expect(plain).toMatch(/^zego-snapshots=[^;]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/)
  })

  it.each(['', 'wrong', 'test-token2', 'test-toke', 'undefined'])('refuses %j', async (token) => {
    const someone = visitor()
    const answer = await someone.signIn(token, freshAddress())
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([401, null])
    expect(await answer.text()).toContain('This is not the API token.')
  })

  it.each([
    ['/tasks/a%2Fb?from=2', '/tasks/a%2Fb?from=2'],
    ['//evil.test/', '/'],
    ['/\\evil.test', '/'],
    ['https://evil.test/', '/'],
    ['/\t/evil.test', '/'],
    ['', '/'],
  ])('leads on to a page of its own: %j', async (next, location) => {
    const answer = await visitor().submit('/sign-in', { token: 'test-token', next })
    expect(answer.headers.get('location')).toBe(location)
  })

  it('takes ten failures a minute from an address, and no right token after them', async () => {
    const [guesser, other] = [freshAddress(), freshAddress()]
    vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] })
    const statuses = await Promise.all(
      Array.from({ length: 12 }, async (_, n) => (await visitor().signIn(`no ${n}`, guesser)).status),
    )
    expect(statuses.filter((status) => status === 401)).toHaveLength(10)
    const refused = await visitor().signIn('test-token', guesser)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60'])
    expect((await visitor().signIn('test-token', other)).status).toBe(303)
    vi.setSystemTime(Date.now() + 60_001)
    expect((await visitor().signIn('test-token', guesser)).status).toBe(303)
  })

  it('counts a household as one address, and a success as no failure', async () => {
    for (let n = 0; n < 12; n += 1) {
      expect((await visitor().signIn('test-token', { 'cf-connecting-ip': '2001:db8::1' })).status).toBe(303)
    }
    for (let n = 0; n < 10; n += 1) await visitor().signIn('no', { 'cf-connecting-ip': `2001:db8:0:0:${n}::1` })
    expect((await visitor().signIn('no', { 'cf-connecting-ip': '2001:db8::ffff' })).status).toBe(429)
    expect((await visitor().signIn('no', { 'cf-connecting-ip': '2001:db8:0:1::1' })).status).toBe(401)
  })
})

describe('a session', () => {
  it('ends after twelve hours', async () => {
    const someone = await signedIn()
    vi.useFakeTimers({ now: Date.now() + 12 * 3_600_000 - 5000, toFake: ['Date'] })
    expect((await someone.open('/quarantine')).status).toBe(200)
    vi.setSystemTime(Date.now() + 6000)
    expect((await someone.open('/quarantine')).status).toBe(401)
  })

  it('ends with the token that signed in', async () => {
    const someone = visitor({ API_TOKEN: '["old","new"]' })
    await someone.signIn('old')
    const withTokens = async (API_TOKEN: string) =>
      (await request('https://receiver.test/quarantine', { headers: { cookie: someone.cookie } }, { API_TOKEN })).status
    expect(await withTokens('["new","old"]')).toBe(200)
    expect(await withTokens('new')).toBe(401)
  })

  it('cannot be made up or drawn out', async () => {
    const someone = await signedIn()
    const [name, value] = someone.cookie.split('=') as [string, string]
    const [endsAt, signature] = value.split('.') as [string, string]
    for (const forged of [
      `${Number(endsAt) + 1}.${signature}`,
      `${endsAt}.${encodeURIComponent(`${'0'.repeat(43)}=`)}`,
      endsAt,
      '',
    ]) {
      someone.cookie = `${name}=${forged}`
      expect((await someone.open('/quarantine')).status).toBe(401)
    }
  })

  it('is none for the API, nor is the API token one for the pages', async () => {
    const { cookie } = await signedIn()
    for (const path of ['/v1/snapshots', '/v1/status', '/v1/quarantine']) {
      expect((await request(`https://receiver.test${path}`, { headers: { cookie } })).status).toBe(401)
    }
    const headers = { authorization: 'Bearer test-token' }
    expect((await request('https://receiver.test/quarantine', { headers })).status).toBe(401)
  })

  it.each(FORMS)('takes no form at %s but its own', async (path) => {
    const someone = await signedIn()
    const origins = ['https://evil.test', 'null', '', 'http://receiver.test', 'https://receiver.test.evil.test']
    for (const headers of [
      ...origins.map((origin) => ({ origin })),
      { origin: 'null', 'sec-fetch-site': 'cross-site' },
    ]) {
      const answer = await someone.submit(path, {}, headers)
      expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('sent by another site')])
    }
    const answer = await someone.submit(path, {}, { origin: 'null', 'sec-fetch-site': 'same-origin' })
    expect(answer.status).not.toBe(403)
  })

  it('says that a form is too large where it is, and not that another site sent it', async () => {
    const answer = await (await signedIn()).submit('/quarantine/delete-all', { reason: 'x'.repeat(70_000) })
    expect([answer.status, await answer.text()]).toEqual([413, expect.stringContaining('This form is too large')])
  })
})

describe('every page', () => {
  it('says how it may be used', async () => {
    const someone = await signedIn()
    const answers = await Promise.all([
      ...pages.flatMap((page) => [ask(visitor({ API_TOKEN: undefined }), page), ask(visitor(), page)]),
      ...CLOSED.filter(({ path }) => path !== '/sign-out').map((page) => ask(someone, page)),
      visitor().signIn(),
      someone.submit('/sign-out', {}, { origin: 'https://evil.test' }),
    ])
    for (const { headers } of answers) {
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' https:; " +
          "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      )
      expect(headers.get('referrer-policy')).toBe('same-origin')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('cross-origin-embedder-policy')).toBe('credentialless')
      expect(headers.get('strict-transport-security')).toBe('max-age=31536000')
      expect(headers.get('cache-control')).toBe('no-store')
    }
  })

  it('may show pictures over http only where it is itself', async () => {
    const { headers } = await visitor({}, 'http://127.0.0.1:8787').open('/')
    expect(headers.get('content-security-policy')).toContain("img-src 'self' https: http:;")
    expect(headers.get('strict-transport-security')).toBeNull()
  })

  it('has one style, one script and one icon, all small, which may be kept under their own names alone', async () => {
    const text = await (await visitor().open('/')).text()
    expect(text).not.toMatch(/ style=| on[a-z]+=|<style|<script>/)
    const paths = Array.from(text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g), ([, path]) => path!)
    expect(paths.map((path) => path.split('.')[1]!).toSorted()).toEqual(['css', 'js', 'svg'])
    for (const path of paths) {
      const own = await visitor().open(path)
      expect(own.headers.get('cache-control')).toContain('immutable')
      expect((await own.text()).length).toBeLessThan(9_000)
      // A page of another version asks for it, too.
      const other = await visitor().open(path.replace(/-[^.]+/, '-00000000'))
      expect([other.status, other.headers.get('cache-control')]).toEqual([200, 'no-store'])
      expect(other.headers.get('content-type')).toBe(own.headers.get('content-type'))
    }
    expect((await visitor().open('/assets/app.css')).status).toBe(404)
  })

  it('says whose fault it is that it cannot be shown', async () => {
    await deliver(signedCallback({ task_id: 'broken' }))
    await env.DB.prepare(`UPDATE snapshots SET record = '{'`).run()
    const answer = await (await signedIn()).open('/tasks/broken')
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining('This page cannot be shown')])
    vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw new Error('D1_ERROR: down')
    })
    const down = await (await signedIn()).open('/')
    expect([down.status, await down.text()]).toEqual([503, expect.stringContaining('D1 does not answer')])
  })
})

describe('the set-up page', () => {
  it.each([
    [{ API_TOKEN: undefined }, 'API_TOKEN'],
    [{ ZEGO_CALLBACK_SECRET: undefined }, 'ZEGO_CALLBACK_SECRET'],
    [{ ZEGO_CALLBACK_SECRET: '[' }, 'ZEGO_CALLBACK_SECRET'],
    [{ API_TOKEN: '' }, 'API_TOKEN'],
  ])('is all there is while a secret is missing: %j', async (settings, name) => {
    await deliver(signedCallback({ task_id: 'secret-task' }))
    const someone = await signedIn()
    const unready = visitor({ ...settings, CALLBACK_PATH_TOKEN: 'path-token-7' })
    unready.cookie = someone.cookie
    for (const path of PATHS) {
      const answer = await unready.open(path)
      const text = await answer.text()
      expect([answer.status, text]).toEqual([200, expect.stringContaining(`npx wrangler secret put ${name}`)])
      expect(text).toContain('/zego/callback/&lt;CALLBACK_PATH_TOKEN&gt;')
      expect(text).not.toMatch(/secret-task|path-token-7|test-token/)
    }
    expect((await unready.signIn('test-token')).headers.get('set-cookie')).toBeNull()
  })
})
