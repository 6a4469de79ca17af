import { Webhook } from 'standardwebhooks'
import { expect, it, vi } from 'vitest'
import { Dead } from '../../examples/consumer/dead.ts'
import { handle } from '../../examples/consumer/post.ts'
import { completed, failed } from './events.ts'

const key = (fill: number) => new Uint8Array(24).fill(fill).toBase64()
const secrets = [`whsec_${key(1)}`, `whsec_${key(2)}`]
const settings = { TARGET_URL: 'https://target.test/hook', TARGET_SECRET: secrets.join(' ') }

/** The target, which answers so; gives the requests that it got. */
function target(status: number, headers = {}) {
  const answer = async () => new Response(null, { status, headers })
  const fetch = vi.spyOn(globalThis, 'fetch').mockImplementation(answer)
  return () => fetch.mock.calls.map(([url, init]) => ({ url: new Request(url as string).url, ...init! }))
}

it('sends the event as it came, with the signatures of Standard Webhooks', async () => {
  const requests = target(204)
  const events = [completed('signed – ünï', ['https://pictures.test/1.jpg?sign=a%2Bb%3D%3D']), failed('broken')]
  for (const event of events) await handle(event, settings)
  for (const [n, { url, method, headers, body }] of requests().entries()) {
    expect([url, method, JSON.parse(body as string)]).toEqual([settings.TARGET_URL, 'POST', events[n]])
    expect(headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'webhook-id': events[n]!.id,
      'user-agent': 'zego-snapshots-consumer',
    })
    // Whoever has one of the secrets can verify it, and nobody else.
    const verify = (secret: string) => new Webhook(secret).verify(body as string, headers as Record<string, string>)
    for (const secret of secrets) expect(verify(secret)).toEqual(events[n])
    expect(() => verify(`whsec_${key(3)}`)).toThrow('No matching signature')
  }
  expect(requests()).toHaveLength(2)
})

it.each([500, 302])('has it sent again after %s', async (status) => {
  const requests = target(status, { location: 'https://elsewhere.test' })
  const error: unknown = await handle(completed('task'), settings).catch((thrown: unknown) => thrown)
  expect(error).toEqual(new Error(`TARGET_URL answered ${status}`))
  expect(error).not.toBeInstanceOf(Dead)
  expect(requests().map(({ redirect }) => redirect)).toEqual(['manual'])
})

it('waits 20 s for the target, and no longer', async () => {
  const late = AbortSignal.abort(new DOMException('It took too long.', 'TimeoutError'))
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(late)
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (_url, init) => {
    init!.signal!.throwIfAborted()
    return new Response()
  })
  await expect(handle(completed('task'), settings)).rejects.toThrow('It took too long.')
  expect(timeout).toHaveBeenCalledWith(20_000)
})

it('gives the event up after 410', async () => {
  target(410)
  await expect(handle(completed('task'), settings)).rejects.toEqual(new Dead('TARGET_URL answered 410'))
})

it.each([
  ['no secret', { TARGET_URL: settings.TARGET_URL }],
  ['no target', { TARGET_SECRET: secrets[0]! }],
  ['a secret without its prefix', { ...settings, TARGET_SECRET: key(1) }],
  ['a short secret', { ...settings, TARGET_SECRET: 'whsec_c2hvcnQ=' }],
  ['a broken one of two', { ...settings, TARGET_SECRET: `whsec_! ${secrets[0]}` }],
])('sends nothing with %s', async (_what, given) => {
  const requests = target(204)
  await expect(handle(completed('unset'), given)).rejects.toThrow(/TARGET_SECRET/)
  expect(requests()).toEqual([])
})
