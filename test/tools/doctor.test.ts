import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { prepare } from '../../tools/doctor/context.ts'
import { examine } from '../../tools/doctor/examine.ts'
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
  const deleted = () => requests.filter(({ method }) => method === 'DELETE').map(({ path }) => path)
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, deleted }
}

type Way = { env?: Record<string, string>; path?: string; timeoutMs?: number }

/** All results by their titles. */
async function examined(origin: string, { env = {}, path = '', timeoutMs = 2_000 }: Way = {}) {
  const sources = { env: { ZEGO_CALLBACK_SECRET: SECRET, API_TOKEN: '', ...env }, local: {}, ask: undefined }
  const context = await prepare({ url: origin + path }, sources, { timeoutMs, patienceMs: 50 })
  const results: Record<string, Result> = {}
  const isWell = await examine(context, (title, result) => (results[title] = result))
  for (const secret of [SECRET, SERVER_SECRET, API_TOKEN, PATH_TOKEN]) {
    expect(JSON.stringify(results)).not.toContain(secret)
  }
  return { results, isWell, task_id: context.callback.task_id }
}

const problem = (status: number, code: string, detail = 'What to do.'): Answer => ({
  status,
  body: JSON.stringify({ code, status, detail }),
})
const page = (status: number, title: string, body = '', headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'text/html', ...headers },
  body: `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body>${body}</body></html>`,
})
const json = (status: number, value: unknown): Answer => ({ status, body: JSON.stringify(value) })
const saying = (words: string) => expect.stringContaining(words)

/** A Worker in a few lines: it takes what is signed with its secret, and shows nothing of what it keeps. */
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
    if (!isSigned(body, secret)) return problem(401, 'bad_signature')
    return json(202, { status: 'quarantined', id: 'ours:1', reason: 'unsupported_event' })
  }

function isSigned(body: string, secret: string) {
  const { timestamp, nonce, signature } = JSON.parse(body) as Record<'timestamp' | 'nonce' | 'signature', string>
  return signature === sign({ secret, timestamp, nonce })
}

/** A Worker that answers a callback so. */
const onPost = (answer: Answer) => worker(SECRET, ({ method }) => (method === 'POST' ? answer : undefined))

const FIRST = 'Callback URL'
const SIGNED = 'Signed callback'

test.each<[string, Answer, string]>([
  ['a redirect', { status: 302, headers: { location: 'https://x.test/a?token=1' } }, 'a redirect to https://x.test.'],
  ['a challenge', page(403, 'x', '', { 'cf-mitigated': 'challenge' }), 'cf-mitigated: challenge'],
  ['an error in a text', { status: 403, body: 'error code: 1010' }, "Cloudflare's error 1010."],
  ['an error on a page', page(403, 'x', '<span>Error</span>\n<span>1020</span>'), "Cloudflare's error 1020."],
  ['a plain refusal', json(403, {}), 'something before the Worker refuses'],
  ['a parking page', page(200, 'For sale'), 'sends no JSON'],
  ['another program', json(200, { hello: 'world' }), 'it is not this Worker'],
])('recognises %s, sends nothing there, and ends', async (_title, answer, words) => {
  const { origin, requests } = await serve(() => answer)
  const { results, isWell } = await examined(origin, { path: `/zego/callback/${PATH_TOKEN}` })
  expect(isWell).toBe(false)
  expect(results[FIRST]).toMatchObject({ verdict: 'wrong', evidence: saying(words), remedy: saying(' ') })
  expect(requests.map(({ method }) => method)).toEqual(['GET'])
  const { [FIRST]: _first, 'Clean-up': cleared, ...rest } = results
  expect(new Set(Object.values(rest).map(({ evidence }) => evidence))).toEqual(new Set(['Not checked.']))
  expect(cleared).toEqual({ verdict: 'well', evidence: 'Nothing is left.' })
})

test('says what happened where nothing answers, or not in time, and what to do', async () => {
  const { results } = await examined('http://127.0.0.1:65535')
  expect(results[FIRST]?.evidence).toMatch(/^127\.0\.0\.1:65535 gave no answer: .*ECONNREFUSED/)
  expect(results[FIRST]?.remedy).toMatch(/npm run deploy.*NODE_USE_ENV_PROXY=1.*npm start/)
  const { origin } = await serve(() => undefined)
  const late = await examined(origin, { timeoutMs: 150 })
  expect(late.results[FIRST]?.evidence).toMatch(/gave no answer: .*timeout/)
})

test('does not mind a login before everything but callbacks, and says so', async () => {
  const login = { status: 302, headers: { location: 'https://team.cloudflareaccess.com/cdn-cgi/access/login/x' } }
  const { origin } = await serve(worker(SECRET, ({ path }) => (path.startsWith('/zego/') ? undefined : login)))
  const { results, isWell } = await examined(origin, { env: { API_TOKEN } })
  expect(isWell).toBe(true)
  for (const title of ['/healthz', 'So far']) {
    const evidence = saying('a redirect to https://team.cloudflareaccess.com')
    expect(results[title]).toMatchObject({ verdict: 'note', evidence })
  }
  expect(results['Clean-up']).toMatchObject({ verdict: 'skipped', evidence: saying('unsupported_event') })
})

test.each([
  [{ status: 'degraded', parts: ['kv'] }, 200, 'note', 'degraded (kv)'],
  [{ status: 'unhealthy', parts: ['settings', 'd1'] }, 503, 'wrong', 'unhealthy (settings,d1)'],
  [{ hello: 'world' }, 200, 'wrong', 'not an answer of this Worker'],
])('reads %j on the health page', async (body, status, verdict, words) => {
  const { origin } = await serve(worker(SECRET, ({ path }) => (path === '/healthz' ? json(status, body) : undefined)))
  const { results } = await examined(origin)
  expect(results['/healthz']).toMatchObject({ verdict, evidence: saying(words) })
  expect(results[SIGNED]?.verdict).toBe('well')
})

test.each<[Answer, string, string]>([
  [page(403, 'Attention Required! | Cloudflare'), '403: ', 'Something before the Worker answers.'],
  [problem(503, 'not_configured', 'What to set.'), '503 not_configured: What to set.', 'the CallbackSecret, not the'],
  [problem(401, 'unknown_app'), '401 unknown_app: What to do.', '--appid'],
  [problem(401, 'stale', 'It was signed 1200 s ago.'), '401 stale: It was signed 1200 s ago.', "this machine's clock"],
  [problem(400, 'undecodable'), '400 undecodable', 'changes bodies'],
  [json(202, { status: 'accepted' }), '202 accepted', 'D1 did not take it in time'],
  [problem(500, 'internal_error', `${SECRET} is not good.`), '500 internal_error: … is not good', 'The log:'],
])('quotes %j, the answer to a callback, with a remedy, and ends', async (answer, evidence, remedy) => {
  const { origin } = await serve(onPost(answer))
  const { results } = await examined(origin)
  expect(results[SIGNED]).toMatchObject({ verdict: 'wrong', evidence: saying(evidence), remedy: saying(remedy) })
  expect(results['Read back']?.evidence).toBe('Not checked.')
})

test.each([
  [`"${SECRET}"`, 'The Worker has this secret with double quotes around it.'],
  [`'${SECRET}'`, 'The Worker has this secret with single quotes around it.'],
  [`${SECRET}\n`, 'The Worker has this secret with a line break around it.'],
  [`${SECRET} `, 'The Worker has this secret with a space around it.'],
  ['quite another', '401 bad_signature: the Worker has another secret'],
])('asks the Worker which secret it has: %s', async (theirs, evidence) => {
  const { origin } = await serve(worker(theirs))
  const env = { API_TOKEN, ZEGO_SERVER_SECRET: SERVER_SECRET }
  const { results } = await examined(origin, { env, path: `/zego/callback/${PATH_TOKEN}` })
  const command = 'npx wrangler secret put ZEGO_CALLBACK_SECRET'
  expect(results[SIGNED]).toMatchObject({ verdict: 'wrong', evidence: saying(evidence), command })
})

test('sees that the ServerSecret was given as CallbackSecret, whether or not the Worker has it too', async () => {
  const env = { ZEGO_CALLBACK_SECRET: SERVER_SECRET, ZEGO_SERVER_SECRET: `{"12345":"${SERVER_SECRET}"}` }
  for (const theirs of [SECRET, SERVER_SECRET]) {
    const { origin } = await serve(worker(theirs))
    const { results, isWell } = await examined(origin, { env })
    expect(results[SIGNED]?.evidence).toContain('The CallbackSecret given here is the ServerSecret.')
    expect(results[SIGNED]?.remedy).toContain("the CallbackSecret of ZEGOCLOUD's console")
    expect(isWell).toBe(false)
  }
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
  expect(results['So far']).toMatchObject({ verdict: 'wrong', remedy: saying('None was ever accepted') })
  expect(isWell).toBe(false)
  const later = { ...refused, last_callback: { received_at: minutesAgo(5), with_path_token: true } }
  const { origin: accepted } = await serve(withStatus(later))
  expect((await examined(accepted, { env: { API_TOKEN } })).results['So far']?.verdict).toBe('note')
})

test('says what stays where it cannot be deleted', async () => {
  const { origin } = await serve(worker())
  const { results, isWell, task_id } = await examined(origin)
  expect(isWell).toBe(true)
  expect(results['So far']?.evidence).toContain('API_TOKEN is not given')
  expect(results['Clean-up']).toEqual({
    verdict: 'skipped',
    evidence: `Without an API token these stay in the quarantine, for 30 days: unsupported_event. Task: ${task_id}`,
  })
})

test.each<[string, Answer]>([
  ['not_configured', problem(503, 'not_configured')],
  ['undecodable', problem(400, 'undecodable')],
  ['unsupported_event', json(202, { status: 'quarantined', id: 'ours:1' })],
])('deletes what was kept as %s, and nothing of others; sees that a body was changed', async (reason, answer) => {
  let task_id = ''
  const change: Answerer = ({ method, path, body }) => {
    task_id ||= /"task_id":"([^"]+)"/.exec(body)?.[1] ?? ''
    if (method === 'POST') return answer
    const items = [
      { id: 'other:1', reason, task_id: 'of somebody else' },
      { id: 'ours:1', reason, task_id },
    ]
    return path.startsWith('/v1/quarantine?') ? json(200, { items }) : undefined
  }
  const { origin, deleted } = await serve(worker(SECRET, change))
  const { results, isWell } = await examined(origin, { env: { API_TOKEN } })
  expect(results['Clean-up']).toMatchObject({ verdict: 'well', evidence: saying('is deleted: 1.') })
  expect(deleted()).toEqual(['/v1/quarantine/ours%3A1'])
  const changed = { verdict: 'wrong', evidence: saying('not what was sent') }
  expect(results['Read back']).toMatchObject(reason === 'unsupported_event' ? changed : { evidence: 'Not checked.' })
  expect(isWell).toBe(false)
})
