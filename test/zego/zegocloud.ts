/** ZEGOCLOUD's server API as the tests play it: `fetch` answers from a table of tasks, and counts. */
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import { signQuery } from '../../tools/zegocloud/callback.ts'
import { cron, request } from '../worker.ts'

export const API_URL = 'https://zegocloud.test/'
export const SECRETS = { '12345': 'server-secret-of-12345', '67890': 'server-secret-of-67890' }

/** Settings with which ZEGOCLOUD can be asked. */
export const ON = { ZEGO_SERVER_SECRET: JSON.stringify({ '12345': SECRETS['12345'] }), ZEGO_API_URL: API_URL }
export const TWO_APPS = { ...ON, ZEGO_SERVER_SECRET: JSON.stringify(SECRETS) }

export type Call = { action: string; appid: string; at: number; query: URLSearchParams }

type Answerer = (call: Call) => unknown

export const ok = (Data: unknown) => ({ Code: 0, Message: 'success', RequestId: '1', Data })
export const refusal = (Code: number, Message = 'no') => ({ Code, Message, RequestId: '1' })
export const tencent = (Status: string, more: object = {}) =>
  ok({ Tencent: { Event: 'SampleSnapshot', Status, ...more } })
export const huawei = (Status: string, more: object = {}) => ok({ Huawei: { Status, ...more } })
export const finished = (...ThumbnailsUrl: string[]) =>
  tencent('FINISH', { FileId: '1397757897438985100', ThumbnailsUrl })

/** Every call, in order; each answered by `answer`: with JSON, or with the Response or the error that it gives. */
export function playZegocloud(answer: Answerer, secrets: Record<string, string> = SECRETS): Call[] {
  const calls: Call[] = []
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
    const { searchParams: query } = new URL(input instanceof Request ? input.url : String(input))
    const appid = query.get('AppId') ?? ''
    const call = { action: query.get('Action') ?? '', appid, at: performance.now(), query }
    calls.push(call)
    if (!isSigned(query, secrets[appid])) return Response.json(refusal(100000005, 'signature invalid'))
    const given = await answer(call)
    return given instanceof Response ? given : Response.json(given)
  })
  return calls
}

function isSigned(query: URLSearchParams, secret: string | undefined): boolean {
  const [appid = '', nonce = '', timestamp = ''] = ['AppId', 'SignatureNonce', 'Timestamp'].map(
    (name) => query.get(name) ?? '',
  )
  const signature = secret === undefined ? undefined : signQuery(appid, nonce, secret, timestamp)
  return /^[0-9a-f]{16}$/.test(nonce) && query.get('Signature') === signature && query.get('SignatureVersion') === '2.0'
}

export function api(method: string, path: string, body?: unknown, settings: Record<string, unknown> = ON) {
  const init = { method, headers: { authorization: 'Bearer test-token' } }
  const raw = typeof body === 'string' ? body : JSON.stringify(body)
  return request(`https://receiver.test/v1${path}`, body === undefined ? init : { ...init, body: raw }, settings)
}

export const register = (
  taskId: string,
  vendor = 'tencent',
  appid = '12345',
  settings: Record<string, unknown> = TWO_APPS,
) => api('PUT', `/snapshots/${encodeURIComponent(taskId)}`, { vendor, appid }, settings)

/** As if every task and dispute had been there for so long. */
export async function wait(minutes: number): Promise<void> {
  const ms = minutes * 60_000
  await env.DB.prepare('UPDATE snapshots SET ask_due = ask_due - ?1').bind(ms).run()
  await env.DB.prepare('UPDATE quarantine SET ask_due = ask_due - ?1').bind(ms).run()
}

/** A minute's cron, and every slice that follows it. */
export const sweep = (settings: Record<string, unknown> = ON) => cron(1, settings)

/** What an answer says, with its headers. */
export async function said(answer: Promise<Response>) {
  const { status, headers, ...response } = await answer.then(async (got) => ({
    status: got.status,
    headers: got.headers,
    body: await got.json<Record<string, unknown>>(),
  }))
  return { status, headers, body: response.body }
}
