import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { prepare } from '../../tools/doctor/context.ts'
import { examine } from '../../tools/doctor/examine.ts'
import { silence } from '../../tools/doctor/obstacle.ts'
import type { Result } from '../../tools/doctor/result.ts'
import { sign } from '../../tools/zegocloud/callback.ts'

const SECRET = 'the-callback-secret'
const SERVER_SECRET = 'the-server-secret'
const API_TOKEN = 'the-api-token'
const PATH_TOKEN = 'the-path-token'

type Answer = { status: number; headers?: Record<string, string>; body?: string }
type Request = { method: string; path: string; body: string }
type Answerer = (request: Request) => Answer | undefined

/** A server at an address of its own; what it gives no answer to, hangs. */
async function serve(answer: Answerer) {
  const requests: Request[] = []
  const respond = async (incoming: IncomingMessage, response: ServerResponse) => {
    const request = { method: incoming.method ?? '', path: incoming.url ?? '', body: await text(incoming) }
    requests.push(request)
    const given = answer(request)
    if (given) response.writeHead(given.status, given.headers).end(given.body)
  }
  const server = createServer((incoming, response) => void respond(incoming, response))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

type Way = {
  env?: Record<string, string>
  path?: string
  appid?: string
  timeoutMs?: number
}

/** All results by their titles. */
async function examined(origin: string, way: Way = {}) {
  const { env = {}, path = '', timeoutMs = 2_000, ...options } = way
  const sources = {
    env: { ZEGO_CALLBACK_SECRET: SECRET, API_TOKEN: '', ...env },
    ask: undefined,
    readLocal: () => ({}),
  }
  const context = await prepare({ url: origin + path, ...options }, sources, { timeoutMs, patienceMs: 50 })
  const results: Record<string, Result> = {}
  const isWell = await examine(context, (title, result) => (results[title] = result))
  for (const secret of [SECRET, SERVER_SECRET, API_TOKEN, PATH_TOKEN]) {
    expect(JSON.stringify(results)).not.toContain(secret)
  }
  return { results, isWell, task_id: context.callback.task_id }
}

const problem = (status: number, code: string, detail = 'What to do.', more = {}): Answer => ({
  status,
  body: JSON.stringify({ code, status, detail, ...more }),
})
const page = (status: number, title: string, body = '', headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'text/html', ...headers },
  body: `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body>${body}</body></html>`,
})
const json = (status: number, value: unknown): Answer => ({ status, body: JSON.stringify(value) })

const ID = 'unsupported_event:1'
const kept = (id = ID) => json(202, { status: 'quarantined', id, reason: 'unsupported_event' })

/** A Worker in a few lines: it takes what is signed with its secret, and has nothing to tell contents apart. */
const worker =
  (secret = SECRET, change: Answerer = () => undefined): Answerer =>
  (request) => {
    const { method, path, body } = request
    const changed = change(request)
    if (changed) return changed
    if (path === '/healthz') return json(200, { status: 'ok' })
    if (path === '/v1/status') return json(200, { last_callback: null, last_refusals: {} })
    if (path.startsWith('/v1/')) return method === 'DELETE' ? { status: 204 } : json(200, { items: [] })
    if (method !== 'POST') return problem(405, 'method_not_allowed')
    if (body.startsWith('{"appid":"') && !isSigned(body, secret)) return problem(401, 'bad_signature')
    return kept()
  }

function isSigned(body: string, secret: string) {
  const { timestamp, nonce, signature } = JSON.parse(body) as Record<'timestamp' | 'nonce' | 'signature', string>
  return signature === sign({ secret, timestamp, nonce })
}

/** Only what is POSTed is answered otherwise. */
const onPost =
  (answer: (body: string) => Answer | undefined): Answerer =>
  ({ method, body }) =>
    method === 'POST' ? answer(body) : undefined

const FIRST = 'Callback URL'
const SIGNED = 'Signed callback'

test('finds nothing wrong with a Worker that does as it should, and deletes what it left', async () => {
  const { origin, requests } = await serve(worker())
  const { results, isWell } = await examined(origin, { env: { API_TOKEN } })
  expect(isWell).toBe(false) // this one does not show what it kept
  expect(results['Read back']).toMatchObject({
    verdict: 'wrong',
    evidence: expect.stringContaining('not what was sent'),
  })
  const { 'Read back': _readBack, ...others } = results
  expect(Object.values(others).filter(({ verdict }) => verdict === 'wrong')).toEqual([])
  expect(requests.filter(({ method }) => method === 'DELETE').map(({ path }) => path)).toEqual([
    `/v1/quarantine/${encodeURIComponent(ID)}`,
  ])
  const events = requests.flatMap(({ body }) => /"event":"(\w+)"/.exec(body)?.[1] ?? [])
  expect(new Set(events)).toEqual(new Set(['zego_snapshots_test']))
})

test.each<[string, Answer, string]>([
  ['a redirect', { status: 302, headers: { location: 'https://x.test/a?token=1' } }, 'a redirect to https://x.test.'],
  ['a challenge', page(403, 'x', '', { 'cf-mitigated': 'challenge' }), 'cf-mitigated: challenge'],
  ['an error in a text', { status: 403, body: 'error code: 1010' }, "Cloudflare's error 1010."],
  [
    'an error on a page',
    page(403, 'x', '<span>Error</span>\n<span class="code">1020</span>'),
    "Cloudflare's error 1020.",
  ],
  ['a plain refusal', json(403, {}), 'something before the Worker refuses'],
  ['a page that is not found', page(404, 'Not found'), 'sends no JSON'],
  ['a parking page', page(200, 'For sale'), 'sends no JSON'],
  ['another program', json(200, { hello: 'world' }), 'it is not this Worker'],
])('recognises %s, sends nothing there, and ends', async (_title, answer, words) => {
  const { origin, requests } = await serve(() => answer)
  const { results, isWell } = await examined(origin, { path: `/zego/callback/${PATH_TOKEN}` })
  expect(isWell).toBe(false)
  expect(results[FIRST]).toMatchObject({ verdict: 'wrong', evidence: expect.stringContaining(words) })
  expect(results[FIRST]?.remedy).toMatch(/\S/)
  expect(requests.map(({ method }) => method)).toEqual(['GET'])
  const { [FIRST]: _first, 'Clean-up': cleared, ...rest } = results
  expect(new Set(Object.values(rest).map(({ evidence }) => evidence))).toEqual(new Set(['Not checked.']))
  expect(cleared).toEqual({ verdict: 'well', evidence: 'Nothing is left.' })
})

test('gives up on what hangs', async () => {
  const { origin } = await serve(() => undefined)
  const { results } = await examined(origin, { timeoutMs: 150 })
  expect(results[FIRST]?.evidence).toMatch(/gave no answer: .*timeout/)
})

test('says what happened where nothing answers, and what to do', () => {
  const error = new TypeError('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND x.test') })
  const { result } = silence(error, 'x.test')
  expect(result).toMatchObject({ verdict: 'wrong', evidence: 'x.test gave no answer: getaddrinfo ENOTFOUND x.test.' })
  expect(result.remedy).toMatch(/npm run deploy.*NODE_USE_ENV_PROXY=1.*npm start/)
})

test('sees that a POST is stopped where a GET is not', async () => {
  const { origin } = await serve(
    worker(
      SECRET,
      onPost(() => page(403, 'Attention Required! | Cloudflare')),
    ),
  )
  const { results } = await examined(origin)
  expect(results[FIRST]?.verdict).toBe('well')
  expect(results[SIGNED]?.evidence).toMatch(/^A GET gets through, a POST does not\. 403: /)
})

test('does not mind a login before everything but callbacks, and says so', async () => {
  const login = { status: 302, headers: { location: 'https://team.cloudflareaccess.com/cdn-cgi/access/login/x' } }
  const { origin } = await serve(worker(SECRET, ({ path }) => (path.startsWith('/zego/') ? undefined : login)))
  const { results, isWell } = await examined(origin, { env: { API_TOKEN } })
  expect(isWell).toBe(true)
  expect(results['/healthz']).toMatchObject({
    verdict: 'note',
    evidence: expect.stringContaining('a redirect to https://team.cloudflareaccess.com'),
  })
  expect(results['So far']).toMatchObject({
    verdict: 'note',
    evidence: expect.stringContaining('a redirect to https://team.cloudflareaccess.com'),
  })
  expect(results['Clean-up']).toMatchObject({
    verdict: 'skipped',
    evidence: expect.stringContaining('unsupported_event'),
  })
})

test('minds it when what is guarded by nobody does not answer', async () => {
  const broken = page(500, 'Worker threw exception', 'Error 1101')
  const { origin } = await serve(worker(SECRET, ({ path }) => (path.startsWith('/zego/') ? undefined : broken)))
  const { results } = await examined(origin, { env: { API_TOKEN } })
  for (const title of ['/healthz', 'So far']) {
    expect(results[title]).toMatchObject({ verdict: 'wrong', evidence: expect.stringContaining('error 1101') })
  }
  expect(results[SIGNED]?.verdict).toBe('well')
})

test.each([
  [{ status: 'degraded', parts: ['kv'] }, 200, 'note', 'degraded (kv)'],
  [{ status: 'unhealthy', parts: ['settings', 'd1'] }, 503, 'wrong', 'unhealthy (settings,d1)'],
  [{ hello: 'world' }, 200, 'wrong', 'not an answer of this Worker'],
])('reads %j on the health page', async (body, status, verdict, words) => {
  const { origin } = await serve(worker(SECRET, ({ path }) => (path === '/healthz' ? json(status, body) : undefined)))
  const { results } = await examined(origin)
  expect(results['/healthz']).toMatchObject({ verdict, evidence: expect.stringContaining(words) })
  expect(results[SIGNED]?.verdict).toBe('well')
})

test.each<[Answer, string, string | undefined]>([
  [
    problem(503, 'not_configured', 'SIGNATURE_TOLERANCE_SECONDS cannot be used: it is not a whole number.', {
      setting: 'SIGNATURE_TOLERANCE_SECONDS',
    }),
    'SIGNATURE_TOLERANCE_SECONDS cannot be used: it is not a whole number.',
    'npm run deploy',
  ],
  [problem(503, 'storage_unavailable'), '503 storage_unavailable', 'npx wrangler tail'],
  [json(202, { status: 'accepted' }), 'D1 did not take it in time', 'npx wrangler tail'],
  [problem(400, 'undecodable'), '400 undecodable', undefined],
  [problem(413, 'body_too_large'), '413 body_too_large', undefined],
  [problem(500, 'internal_error'), '500 internal_error', 'npx wrangler tail'],
  [problem(500, 'internal_error', `${SECRET} is not good.`), '500 internal_error: … is not good', 'npx wrangler tail'],
  [json(200, { status: 'stored' }), '200 stored', 'npx wrangler tail'],
])('says what %j to a callback means, and ends', async (answer, words, command) => {
  const { origin } = await serve(
    worker(
      SECRET,
      onPost(() => answer),
    ),
  )
  const { results } = await examined(origin)
  expect(results[SIGNED]).toMatchObject({ verdict: 'wrong', evidence: expect.stringContaining(words) })
  expect(results[SIGNED]?.command).toBe(command)
  expect(results['Read back']?.evidence).toBe('Not checked.')
})

test.each([
  [1200, "The clock here is 1200 s behind the Worker's."],
  [-7200, "The clock here is 7200 s ahead of the Worker's."],
])('tells a clock that is %i s off', async (age_seconds, words) => {
  const { origin } = await serve(
    worker(
      SECRET,
      onPost(() => problem(401, 'stale', 'It is too old.', { age_seconds })),
    ),
  )
  const { results } = await examined(origin)
  expect(results[SIGNED]).toMatchObject({ verdict: 'wrong', evidence: expect.stringContaining(words) })
})

test('tells a tolerance that is too small from a wrong clock', async () => {
  const { origin } = await serve(
    worker(
      SECRET,
      onPost(() => problem(401, 'stale', 'It is too old.', { age_seconds: 1 })),
    ),
  )
  const { results } = await examined(origin)
  expect(results[SIGNED]).toMatchObject({ verdict: 'wrong', remedy: expect.stringContaining('SIGNATURE_TOLERANCE') })
})

test.each([
  [SERVER_SECRET, 'The Worker has the ServerSecret where the CallbackSecret belongs.'],
  ['the-older-secret', 'The Worker does not have the first of the secrets that were given, but number 2.'],
  [`"${SECRET}"`, 'The Worker has this secret with double quotes around it.'],
  [`'${SECRET}'`, 'The Worker has this secret with single quotes around it.'],
  [`${SECRET}\n`, 'The Worker has this secret with a line break around it.'],
  [`${SECRET} `, 'The Worker has this secret with a space around it.'],
])('asks the Worker which secret it has: %s', async (theirs, evidence) => {
  const { origin } = await serve(worker(theirs))
  const env = { API_TOKEN, ZEGO_SERVER_SECRET: SERVER_SECRET, ZEGO_CALLBACK_SECRET: `["${SECRET}","the-older-secret"]` }
  const { results } = await examined(origin, { env, path: `/zego/callback/${PATH_TOKEN}` })
  expect(results[SIGNED]).toMatchObject({
    verdict: 'wrong',
    evidence,
    command: 'npx wrangler secret put ZEGO_CALLBACK_SECRET',
  })
})

test('tells a path token that is missing from one that is wrong, and one that is not required', async () => {
  const env = { CALLBACK_PATH_TOKEN: PATH_TOKEN }
  const free = await serve(worker())
  expect((await examined(free.origin)).results[FIRST]?.evidence).toContain('requires no path token')
  expect((await examined(free.origin, { env })).results[FIRST]).toMatchObject({ verdict: 'note' })
  const right = `/zego/callback/${PATH_TOKEN}`
  const guarded = worker(SECRET, ({ path }) =>
    path.startsWith('/zego/') && path !== right ? problem(404, 'not_found') : undefined,
  )
  const { origin } = await serve(guarded)
  const { results, isWell } = await examined(origin, { env })
  expect(results[FIRST]?.evidence).toContain('The path token is right.')
  expect(isWell).toBe(true)
  const missing = await examined(origin)
  expect(missing.results[FIRST]?.evidence).toContain('the Worker requires a path token, and the URL has none')
  const wrong = await examined(origin, { path: '/zego/callback/another' })
  expect(wrong.results[FIRST]?.evidence).toContain("the path token is not the Worker's")
})

test('sees that the ServerSecret was given as CallbackSecret, whether or not the Worker has it too', async () => {
  const env = { ZEGO_CALLBACK_SECRET: SERVER_SECRET, ZEGO_SERVER_SECRET: `{"12345":"${SERVER_SECRET}"}` }
  const right = await serve(worker())
  const here = await examined(right.origin, { env })
  expect(here.results[SIGNED]?.evidence).toContain('the CallbackSecret given here is the ServerSecret')
  const mixed = await serve(worker(SERVER_SECRET))
  const both = await examined(mixed.origin, { env })
  expect(both.results[SIGNED]).toMatchObject({
    verdict: 'wrong',
    evidence: 'The Worker accepts it, but the CallbackSecret given here is the ServerSecret.',
  })
  expect(both.isWell).toBe(false)
})

test('says so when no secret fits', async () => {
  const { origin } = await serve(worker('quite another secret'))
  const { results } = await examined(origin)
  expect(results[SIGNED]?.evidence).toContain('401 bad_signature: the Worker has another secret')
  expect(results[SIGNED]?.remedy).toContain('ZEGO_SERVER_SECRET')
})

test('tells an app that is another one', async () => {
  const another = onPost(() => problem(401, 'unknown_app'))
  const { origin } = await serve(worker(SECRET, another))
  const unnamed = await examined(origin)
  expect(unnamed.results[SIGNED]?.command).toBe(`npm run doctor -- ${origin}/zego/callback --appid <AppID>`)
  const named = await examined(origin, { appid: '12' })
  expect(named.results[SIGNED]?.evidence).toContain('not for the app 12.')
})

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()

const withStatus = (status: object) =>
  worker(SECRET, ({ path }) => (path === '/v1/status' ? json(200, status) : undefined))

test('tells what was refused in the last day, a wrong path too', async () => {
  const { origin } = await serve(
    withStatus({
      last_callback: { received_at: minutesAgo(5), with_path_token: true },
      last_refusals: { wrong_path: minutesAgo(3), signature_reused: minutesAgo(1), stale: minutesAgo(3000) },
    }),
  )
  const { results } = await examined(origin, { env: { API_TOKEN } })
  expect(results['So far']).toMatchObject({
    verdict: 'note',
    evidence: expect.stringMatching(
      /^The API token is right\. The last callback came at .*Z\. Refused at .*Z: wrong_path \(It was sent to the wrong URL\)\.$/,
    ),
  })
})

test('does not call all well while callbacks are refused for their signature and none was ever accepted', async () => {
  const refused = { last_callback: null, last_refusals: { bad_signature: minutesAgo(3) } }
  const { origin } = await serve(withStatus(refused))
  const { results, isWell } = await examined(origin, { env: { API_TOKEN } })
  expect(results[SIGNED]?.verdict).toBe('well')
  expect(results['So far']).toMatchObject({
    verdict: 'wrong',
    remedy: expect.stringContaining('None was ever accepted'),
  })
  expect(isWell).toBe(false)
  const later = { ...refused, last_callback: { received_at: minutesAgo(5), with_path_token: true } }
  const { origin: accepted } = await serve(withStatus(later))
  expect((await examined(accepted, { env: { API_TOKEN } })).results['So far']?.verdict).toBe('note')
})

test('says what stays where it cannot be deleted', async () => {
  const { origin } = await serve(worker())
  const { results, isWell, task_id } = await examined(origin)
  expect(isWell).toBe(true)
  for (const title of ['So far', 'Read back']) expect(results[title]?.evidence).toContain('API_TOKEN is not given')
  expect(results['Clean-up']).toEqual({
    verdict: 'skipped',
    evidence: `Without an API token these stay in the quarantine, for 30 days: unsupported_event. Task: ${task_id}`,
  })
})

test.each(['bad_signature', 'not_configured', 'undecodable', 'stale'])(
  'deletes what was kept as %s',
  async (reason) => {
    let task_id = ''
    const change: Answerer = ({ method, path, body }) => {
      task_id ||= /"task_id":"([^"]+)"/.exec(body)?.[1] ?? ''
      if (method === 'POST') return problem(401, reason)
      if (!path.startsWith('/v1/quarantine?')) return undefined
      const others = { id: 'other:1', reason, task_id: 'of somebody else' }
      return json(200, { items: [others, { id: `${reason}:1`, reason, task_id }] })
    }
    const { origin, requests } = await serve(worker(SECRET, change))
    const { results } = await examined(origin, { env: { API_TOKEN } })
    expect(results['Clean-up']).toMatchObject({ verdict: 'well', evidence: expect.stringContaining('is deleted: 1.') })
    expect(requests.filter(({ method }) => method === 'DELETE').map(({ path }) => path)).toEqual([
      `/v1/quarantine/${encodeURIComponent(`${reason}:1`)}`,
    ])
  },
)
