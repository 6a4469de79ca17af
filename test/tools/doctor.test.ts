import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { prepare } from '../../tools/doctor/context.ts'
import { examine } from '../../tools/doctor/examine.ts'
import type { Ask } from '../../tools/doctor/given.ts'
import { explainSilence } from '../../tools/doctor/obstacle.ts'
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
  publish?: boolean
  ask?: Ask
  timeoutMs?: number
}

/** All results by their titles. */
async function examined(origin: string, way: Way = {}, stop?: AbortSignal) {
  const { env = {}, path = '', ask, timeoutMs = 2_000, ...options } = way
  const sources = { env: { ZEGO_CALLBACK_SECRET: SECRET, API_TOKEN: '', ...env }, ask, readLocal: () => undefined }
  const context = await prepare({ url: origin + path, ...options }, sources, { timeoutMs, patienceMs: 50 })
  const results: Record<string, Result> = {}
  const isWell = await examine(context, (title, result) => (results[title] = result), stop)
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
    return body.includes('sign=a+b==') ? problem(409, 'signature_reused') : kept()
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
  ['a redirect to https', { status: 301, headers: { location: 'https://x.test/zego/callback' } }, 'https://x.test'],
  ['a redirect elsewhere', { status: 302, headers: { location: '/login' } }, 'another path of the same host'],
  [
    'the login of Access',
    { status: 302, headers: { location: 'https://team.cloudflareaccess.com/cdn-cgi/access/login/x.test?kid=1' } },
    'login of Cloudflare Access',
  ],
  ['a refusal of Access', page(403, 'Forbidden', '', { 'cf-access-domain': 'x.test' }), 'Access refuses'],
  ['a challenge, by its header', page(403, 'x', '', { 'cf-mitigated': 'challenge' }), 'whether a human is there'],
  ['a challenge, by its words', page(503, 'Just a moment...'), 'whether a human is there'],
  ['a firewall page', page(403, 'Attention Required! | Cloudflare', 'Sorry, you have been blocked'), "firewall's page"],
  ['error 1010', { status: 403, body: 'error code: 1010' }, 'Browser Integrity Check'],
  ['error 1020', page(403, 'Denied', '<span>Error</span>\n<span class="code">1020</span>'), 'firewall rule'],
  ['error 1027', page(429, 'Limit', '<h1>Error 1027</h1>'), 'requests of the day are used up'],
  ['error 1042', { status: 404, body: 'error code: 1042' }, 'workers.dev address is turned off'],
  ['error 1101', page(500, 'Worker threw exception', 'Error 1101'), 'threw an exception'],
  ['another error of Cloudflare', { status: 530, body: 'error code: 1033' }, "Cloudflare's error 1033"],
  ['no Worker', page(404, 'x', 'There is nothing here yet'), 'there is no Worker'],
  ['a password', { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }, 'asks for a password'],
  ['a plain refusal', { status: 403, body: 'Forbidden' }, 'something before the Worker refuses'],
  ['a page that is not found', page(404, 'Not found'), "web page in the Worker's place"],
  ['a parking page', page(200, 'For sale'), "web page in the Worker's place"],
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
  expect(results[FIRST]?.evidence).toMatch(/gave no answer within \d\.\d s/)
})

test('says that nothing listens, and that TLS is not spoken', async () => {
  const { origin } = await serve(worker())
  const tls = await examined(origin.replace('http:', 'https:'))
  expect(tls.results[FIRST]?.evidence).toContain('No TLS connection')
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const closed = await examined(`http://127.0.0.1:${port}`)
  expect(closed.results[FIRST]?.evidence).toContain(`Nothing listens at 127.0.0.1:${port}.`)
})

test.each([
  ['ENOTFOUND', 'There is no host x.test'],
  ['EAI_AGAIN', 'No name server answers for x.test'],
  ['ECONNREFUSED', 'Nothing listens at x.test'],
  ['ECONNRESET', 'closed the connection'],
  ['UND_ERR_CONNECT_TIMEOUT', 'cannot be reached'],
  ['CERT_HAS_EXPIRED', 'has expired'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'is not for x.test'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'can be trusted'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'can be trusted'],
  ['ESTRANGE', 'it broke (ESTRANGE)'],
])('has words for %s', (code, words) => {
  const result = explainSilence({ code, message: 'it broke' }, 'x.test', 1)
  expect(result).toMatchObject({ verdict: 'wrong', remedy: expect.any(String) })
  expect(result.evidence).toContain(words)
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
  expect(results[SIGNED]?.evidence).toMatch(/^A GET gets through, a POST does not\. 403: a firewall/)
})

test('does not mind a login before everything but callbacks, and says so', async () => {
  const login = { status: 302, headers: { location: 'https://team.cloudflareaccess.com/cdn-cgi/access/login/x' } }
  const { origin } = await serve(worker(SECRET, ({ path }) => (path.startsWith('/zego/') ? undefined : login)))
  const { results, isWell } = await examined(origin, { env: { API_TOKEN } })
  expect(isWell).toBe(true)
  expect(results['/healthz']).toMatchObject({ verdict: 'note', evidence: expect.stringContaining('Access') })
  expect(results['So far']).toMatchObject({ verdict: 'note', evidence: expect.stringContaining('Access') })
  expect(results['Clean-up']).toMatchObject({ verdict: 'skipped', evidence: expect.stringContaining(ID) })
})

test('minds it when what is guarded by nobody does not answer', async () => {
  const broken = page(500, 'Worker threw exception', 'Error 1101')
  const { origin } = await serve(worker(SECRET, ({ path }) => (path.startsWith('/zego/') ? undefined : broken)))
  const { results } = await examined(origin, { env: { API_TOKEN } })
  for (const title of ['/healthz', 'So far']) {
    expect(results[title]).toMatchObject({ verdict: 'wrong', evidence: expect.stringContaining('threw an exception') })
  }
  expect(results[SIGNED]?.verdict).toBe('well')
})

test.each([
  [{ status: 'degraded', parts: ['kv'] }, 200, 'note', 'KV is late (kv)'],
  [
    { status: 'unhealthy', parts: ['settings', 'd1'] },
    503,
    'wrong',
    'a setting cannot be read (settings), D1 does not',
  ],
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
    'npx wrangler deploy',
  ],
  [problem(503, 'storage_unavailable'), 'D1, the queue and KV all failed', 'npx wrangler tail'],
  [json(202, { status: 'accepted' }), 'D1 did not take it in time', 'npx wrangler tail'],
  [problem(400, 'undecodable'), 'It was correct when it was sent', undefined],
  [problem(413, 'body_too_large'), 'It was correct when it was sent', undefined],
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
  expect(results['Repeated']?.evidence).toBe('Not checked.')
})

test('warns of an answer that took over 5 s', async () => {
  const { origin } = await serve(worker())
  let now = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 6_000))
  onTestFinished(() => clock.mockRestore())
  const { results, isWell } = await examined(origin)
  expect(results[SIGNED]).toMatchObject({ verdict: 'note', evidence: expect.stringContaining('only after') })
  expect(isWell).toBe(true)
})

const byTheirClock = (aheadSeconds: number, withDate: boolean): Answerer =>
  onPost((body) => {
    const timestamp = /"timestamp":"(\d{10})"/.exec(body)?.[1]
    const now = Math.floor(Date.now() / 1000) + aheadSeconds
    if (timestamp === undefined || Math.abs(now - Number(timestamp)) <= 600) return undefined
    const age = now - Number(timestamp)
    const headers = withDate ? { date: new Date(now * 1000).toUTCString() } : { date: '' }
    return { ...problem(401, 'stale', 'It is too old.', { age_seconds: age }), headers }
  })

test.each([
  [1200, true, /The clock here is 1[12]\d\d s behind the Worker's\./],
  [-7200, true, /The clock here is 7[12]\d\d s ahead of the Worker's\./],
  [1200, false, /The clock here is 1[12]\d\d s behind the Worker's\./],
])("tells a clock that is %i s off (header: %s), and goes on by the Worker's", async (ahead, withDate, words) => {
  const { origin } = await serve(worker(SECRET, byTheirClock(ahead, withDate)))
  const { results, isWell } = await examined(origin)
  expect(results[SIGNED]).toMatchObject({ verdict: 'note', evidence: expect.stringMatching(words) })
  expect(results['Repeated']?.verdict).toBe('well')
  expect(isWell).toBe(true)
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
  [API_TOKEN, 'The Worker has the value of API_TOKEN as its CallbackSecret.'],
  [PATH_TOKEN, 'The Worker has the value of CALLBACK_PATH_TOKEN as its CallbackSecret.'],
  ['secret', 'The Worker has the CallbackSecret that `npm start` makes up.'],
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

test.each([
  [`"${SECRET}"`, 'What was given here has quotes around it; the Worker has it without.'],
  [`${SECRET}\\n`, 'What was given here has the two characters \\n in it; the Worker has it without.'],
  [
    `the-callback\u200B-secret`,
    'What was given here has white space in it, perhaps invisible; the Worker has it without.',
  ],
])('sees what is too much in the secret that was given: %j', async (ours, evidence) => {
  const { origin } = await serve(worker())
  const { results } = await examined(origin, { env: { ZEGO_CALLBACK_SECRET: ours } })
  expect(results[SIGNED]).toMatchObject({ verdict: 'wrong', evidence })
})

test('asks for the path token only where the Worker requires it', async () => {
  const asked: string[] = []
  const answering = (token: string) => async (question: string) => {
    asked.push(question)
    return question.includes('path token') ? token : ''
  }
  const free = await serve(worker())
  expect((await examined(free.origin, { ask: answering(`${PATH_TOKEN}\n`) })).results[FIRST]?.evidence).toContain(
    'requires no path token',
  )
  expect(asked).toEqual(['API token (not shown; Enter: skip): '])

  const right = `/zego/callback/${PATH_TOKEN}`
  const guarded = worker(SECRET, ({ path }) =>
    path.startsWith('/zego/') && path !== right ? problem(404, 'not_found') : undefined,
  )
  const { origin } = await serve(guarded)
  const { results, isWell } = await examined(origin, { ask: answering(`${PATH_TOKEN}\n`) })
  expect(results[FIRST]?.evidence).toContain('The path token is right.')
  expect(isWell).toBe(true)
  const unanswered = await examined(origin, { ask: answering('') })
  expect(unanswered.results[FIRST]?.evidence).toContain('the Worker requires a path token, and the URL has none')
  const wrong = await examined(origin, { ask: answering('another') })
  expect(wrong.results[FIRST]?.evidence).toContain("the path token is not the Worker's")
})

test('asks for the ServerSecret only where it would tell something', async () => {
  const env = { API_TOKEN }
  const ask = vi.fn(async () => SERVER_SECRET)
  const well = await serve(worker())
  await examined(well.origin, { env, ask })
  expect(ask).not.toHaveBeenCalled()
  const mixed = await serve(worker(SERVER_SECRET))
  const { results } = await examined(mixed.origin, { env, ask })
  expect(ask).toHaveBeenCalledOnce()
  expect(results[SIGNED]?.evidence).toContain('the ServerSecret where the CallbackSecret belongs')
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
  const only77 = worker(
    SECRET,
    onPost((body) => (body.includes('"appid":"77"') ? undefined : problem(401, 'unknown_app'))),
  )
  const { origin } = await serve(only77)
  const unnamed = await examined(origin)
  expect(unnamed.results[SIGNED]?.command).toBe(`npm run doctor -- ${origin}/zego/callback --appid <AppID>`)
  const named = await examined(origin, { appid: '12' })
  expect(named.results[SIGNED]?.evidence).toContain('not for the app 12.')
  const two = { ZEGO_CALLBACK_SECRET: `{"12":"${SECRET}","77":"another"}` }
  const mixed = await examined(origin, { env: two })
  expect(mixed.results[SIGNED]?.evidence).toContain('not for the app 12. It has it for the app 77.')
})

test('reads what was refused lately, and does not mistake its own tests for it', async () => {
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()
  const state = {
    last_callback: { received_at: minutesAgo(5), with_path_token: true },
    last_refusals: { bad_signature: minutesAgo(3), signature_reused: minutesAgo(1), stale: minutesAgo(3000) },
  }
  const { origin } = await serve(worker(SECRET, ({ path }) => (path === '/v1/status' ? json(200, state) : undefined)))
  const { results } = await examined(origin, { env: { API_TOKEN } })
  expect(results['So far']).toMatchObject({
    verdict: 'note',
    evidence:
      'The API token is right. The last callback came 5 min ago. Refused: bad_signature (a secret that the Worker does not have) 3 min ago.',
  })
})

test('says how many refused callbacks are kept, and that they are accepted once the secret is right', async () => {
  const quarantined = {
    bad_signature: { count: 12, exact: true },
    wrong_path: { count: 1000, exact: false },
    undecodable: { count: 0, exact: true },
    conflict: { count: 3, exact: true },
  }
  const state = { last_callback: null, last_refusals: {}, quarantined }
  const { origin } = await serve(worker(SECRET, ({ path }) => (path === '/v1/status' ? json(200, state) : undefined)))
  const { results } = await examined(origin, { env: { API_TOKEN } })
  expect(results['So far']).toMatchObject({
    verdict: 'note',
    evidence:
      'The API token is right. No callback has come yet. Refused and in quarantine: 12 as bad_signature, 1000 or more as wrong_path.',
    remedy: expect.stringContaining('Once the right secret is set, the Worker accepts the authentic ones'),
  })
})

test.each<[string, string, Answerer]>([
  [
    'Repeated',
    'The same callback again counts as a different one.',
    (() => {
      let count = 0
      return onPost(() => kept(`unsupported_event:${++count}`))
    })(),
  ],
  [
    'Other encodings',
    'encoded as form, counts as a different one',
    onPost((body) => (body.startsWith('appid=') ? kept('unsupported_event:2') : undefined)),
  ],
  [
    'Other encodings',
    'a timestamp in milliseconds was answered 401 invalid_timestamp',
    onPost((body) => (/"timestamp":"\d{13}"/.test(body) ? problem(401, 'invalid_timestamp') : undefined)),
  ],
  [
    'Body swapped',
    'bodies are decoded once too often',
    onPost((body) => (body.includes('sign=a+b==') ? kept() : undefined)),
  ],
  [
    'Body swapped',
    'the ledger was not asked',
    onPost((body) => (body.includes('sign=a+b==') ? kept('unsupported_event:2') : undefined)),
  ],
])('%s: %s', async (title, words, change) => {
  const { origin } = await serve(worker(SECRET, change))
  const { results, isWell } = await examined(origin)
  expect(results[title]).toMatchObject({ verdict: 'wrong', evidence: expect.stringContaining(words) })
  expect(isWell).toBe(false)
})

test('says what stays where it cannot be deleted', async () => {
  const { origin } = await serve(worker())
  const { results, isWell, task_id } = await examined(origin)
  expect(isWell).toBe(true)
  for (const title of ['So far', 'Read back']) expect(results[title]?.evidence).toContain('API_TOKEN is not given')
  expect(results['Clean-up']).toEqual({
    verdict: 'skipped',
    evidence: `Without an API token these stay in the quarantine, for 30 days: ${ID}, one as signature_reused. Task: ${task_id}`,
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

test('cleans up what it left when it is told to stop', async () => {
  const stop = new AbortController()
  const { origin, requests } = await serve(
    worker(
      SECRET,
      onPost(() => {
        stop.abort()
        return undefined
      }),
    ),
  )
  const { results } = await examined(origin, { env: { API_TOKEN } }, stop.signal)
  expect(results[SIGNED]?.verdict).toBe('well')
  expect(results['Repeated']?.evidence).toBe('Not checked.')
  expect(results['Clean-up']).toEqual({
    verdict: 'well',
    evidence: 'What was left in the quarantine is deleted: 1.',
  })
  expect(requests.filter(({ method }) => method === 'POST')).toHaveLength(1)
})

test('publishes nothing that it could not delete', async () => {
  const { origin, requests } = await serve(worker())
  const { results } = await examined(origin, { publish: true })
  expect(results['Published']).toMatchObject({ verdict: 'wrong', evidence: expect.stringContaining('Not sent') })
  expect(requests.filter(({ body }) => body.includes('"event":"snapshot"'))).toEqual([])
})

test('says so when what it published cannot be deleted', async () => {
  const unpublished = { without_event: { count: 0 }, without_kv_only: { count: 0 } }
  const change: Answerer = ({ method, path, body }) => {
    if (path === '/v1/status') return json(200, { unpublished })
    if (body.includes('"event":"snapshot"')) return json(200, { status: 'stored' })
    if (!path.startsWith('/v1/snapshots/')) return undefined
    return method === 'GET' ? json(200, { status: 'completed' }) : problem(503, 'storage_unavailable')
  }
  const { origin } = await serve(worker(SECRET, change))
  const { results } = await examined(origin, { env: { API_TOKEN }, publish: true })
  expect(results['Published']).toMatchObject({
    verdict: 'wrong',
    evidence: expect.stringContaining('could not be deleted: 503 storage_unavailable'),
  })
})

test.each([
  [2, 0, 'wrong', '2 records wait for the queue'],
  [0, 3, 'note', 'The queue has its event; 3 records wait for KV'],
])('does not take it for published while %i wait for the queue and %i for KV', async (events, kv, verdict, words) => {
  const unpublished = { without_event: { count: events }, without_kv_only: { count: kv } }
  const change: Answerer = ({ method, path, body }) => {
    if (path === '/v1/status') return json(200, { unpublished })
    if (body.includes('"event":"snapshot"')) return json(200, { status: 'stored' })
    return path.startsWith('/v1/snapshots/') && method === 'GET' ? json(200, { status: 'completed' }) : undefined
  }
  const { origin, requests } = await serve(worker(SECRET, change))
  const { results, task_id } = await examined(origin, { env: { API_TOKEN }, publish: true })
  expect(results['Published']).toMatchObject({ verdict, evidence: expect.stringContaining(words) })
  expect(requests.filter(({ method }) => method === 'DELETE').map(({ path }) => path)).toContain(
    `/v1/snapshots/${task_id}`,
  )
})
