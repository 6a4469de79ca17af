/** What forgers may try. Each row: what is sent, how it is answered, and what is in the store afterwards. */
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { type Fields, signedCallback } from './callbacks.ts'
import resplit from './wire/resplit.json'
import { cron, deliver, events, request, rows } from './worker.ts'

const URL = 'https://receiver.test/zego/callback'

/** A forged body: its task must never be stored. */
const forged = (over: Partial<Fields> = {}) => ({ ...signedCallback({ task_id: 'forged' }), ...over })

/** What is in the store: the tasks of snapshots, the reasons of the quarantine, the number of signatures known. */
async function stored() {
  await cron() // makes the schema where nothing else did
  const column = async (sql: string) => (await rows(sql)).map((row) => Object.values(row)[0])
  return {
    snapshots: await column('SELECT task_id FROM snapshots'),
    quarantine: await column('SELECT reason FROM quarantine ORDER BY reason'),
    ledger: (await rows('SELECT * FROM ledger')).length,
  }
}
const nothing = { snapshots: [], quarantine: [], ledger: 0 }

describe('what is refused before it is trusted', () => {
  const ofAnotherApp = { ZEGO_CALLBACK_SECRET: '{"777":"secret"}' }

  it.each<[string, () => unknown, Record<string, unknown>]>([
    ['undecodable', () => '{"event":', {}],
    ['bad_signature', () => ({ ...forged(), signature: undefined }), {}],
    ['unknown_app', forged, ofAnotherApp],
    ['invalid_timestamp', () => signedCallback({ timestamp: '170000000' }), {}],
    ['stale', () => signedCallback({ timestamp: '1600000000' }), {}],
  ])('as %s is kept once, and enters neither the results nor the ledger', async (code, body, settings) => {
    const answer = await deliver(body(), settings)
    expect([answer.status, await answer.json()]).toMatchObject([code === 'undecodable' ? 400 : 401, { code }])
    expect(await stored()).toEqual({ ...nothing, quarantine: [code] })
  })

  it('is kept in sixteen rows at most, where one old signature is repeated without end', async () => {
    const old = signedCallback({ timestamp: '1600000000' })
    for (let n = 0; n < 40; n += 1) await deliver({ ...old, task_id: `forged ${n}` })
    expect(await stored()).toEqual({ ...nothing, quarantine: Array(16).fill('stale') })
  })

  it('is not read to its end where it has none, and announces none', async () => {
    let pulled = 0
    const endless = new ReadableStream({
      pull(controller) {
        pulled += 1
        controller.enqueue(new Uint8Array(100_000))
      },
    })
    const answer = await request(URL, { method: 'POST', body: endless })
    expect(answer.status).toBe(413)
    expect(pulled).toBeLessThan(40)
  })
})

describe('a captured signature', () => {
  it.each([
    ['on another task', { task_id: 'forged' }],
    ['on other pictures', { snapshot_pic_list: '[]' }],
    ['on another app', { appid: '777' }],
    ['on another event', { event: 'compose' }],
    ['on an unknown field', { more: '1' }],
    ['in upper case on another task', { task_id: 'forged', upper: true }],
  ])('%s, after the original, is a 409', async (_title, { upper, ...change }: Record<string, unknown>) => {
    const genuine = signedCallback({ task_id: 'genuine' })
    await deliver(genuine)
    const signature = upper ? genuine.signature.toUpperCase() : genuine.signature
    const answer = await deliver({ ...genuine, ...change, signature })
    expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'signature_reused' }])
    expect(await stored()).toEqual({ snapshots: ['genuine'], quarantine: ['signature_reused'], ledger: 1 })
  })

  it.each(resplit.pairs)('split into $timestamp and $nonce is never stored beside the original', async (pair) => {
    vi.useFakeTimers({ now: 1_470_820_198_000, toFake: ['Date'] })
    const { signature } = resplit
    await deliver({ ...signedCallback({ task_id: 'genuine' }), ...resplit.original, signature })
    const answer = await deliver({ ...forged(), ...pair, signature })
    expect([401, 409]).toContain(answer.status)
    expect((await stored()).snapshots).toEqual(['genuine'])
    expect(await events('forged', 0)).toEqual([])
  })
})

describe('signed, but hostile', () => {
  const list = (items: unknown[]) => ({ ...signedCallback(), snapshot_pic_list: items })
  const nested = `${'['.repeat(50_000)}${']'.repeat(50_000)}`

  it.each<[string, () => unknown]>([
    ['__proto__ as a field', () => JSON.stringify(signedCallback()).replace('{', '{"__proto__":{"admin":true},')],
    ['a lone surrogate in a URL', () => list([{ url: 'a\ud800' }])],
    ['NUL in a URL', () => list([{ url: 'a\0b' }])],
    ['a raw NUL in a form', () => `${new URLSearchParams(signedCallback()).toString()}&more=\0`],
    ['20,000 pictures', () => list(Array.from({ length: 20_000 }, (_, n) => ({ url: `http://p.test/${n}.jpg` })))],
    [
      'an unknown field nested beyond reason',
      () => `${JSON.stringify(signedCallback()).slice(0, -1)},"deep":${nested}}`,
    ],
    ['a record just under the limit', () => list([{ url: 'x'.repeat(1_890_000) }])],
  ])('%s: stored and published', async (_title, body) => {
    expect((await deliver(body())).status).toBe(200)
    expect(await stored()).toMatchObject({ snapshots: [signedCallback().task_id], quarantine: [] })
    expect(await rows('SELECT publish_at FROM snapshots')).toEqual([{ publish_at: null }])
  })

  it('keeps the body as it came, NUL and all', async () => {
    const body = `${new URLSearchParams({ ...signedCallback({ event: 'compose' }) }).toString()}&more=\0\u{1F600}`
    await deliver(body)
    expect(await rows('SELECT body FROM quarantine')).toEqual([{ body }])
    expect(await env.DB.prepare('SELECT length(CAST(body AS BLOB)) AS bytes FROM quarantine').first('bytes')).toBe(
      new TextEncoder().encode(body).length,
    )
  })
})
