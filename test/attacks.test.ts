/** What forgers may try. Each row: what is sent, how it is answered, and what is in the store afterwards. */
import { env } from 'cloudflare:workers'
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { charsets, encodeAs, packings, shapeNames } from '../tools/zegocloud/encodings.ts'
import { type Fields, sign, signedCallback } from './callbacks.ts'
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

describe('without the secret, nothing is stored', () => {
  const { timestamp, nonce, signature } = signedCallback()
  const rowsOfTable: [string, () => unknown, 'bad_signature' | 'undecodable'][] = [
    ['no signature', () => ({ ...forged(), signature: undefined }), 'bad_signature'],
    ['an empty signature', () => forged({ signature: '' }), 'bad_signature'],
    ['signed with no secret', () => forged({ signature: sign('', timestamp, nonce) }), 'bad_signature'],
    ['signed with "undefined"', () => forged(signedCallback({ task_id: 'forged' }, 'undefined')), 'bad_signature'],
    ['signed with another secret', () => forged(signedCallback({ task_id: 'forged' }, 'Secret')), 'bad_signature'],
    ['a signature cut short', () => forged({ signature: signature.slice(0, 39) }), 'bad_signature'],
    ['a signature with a tail', () => forged({ signature: `${signature}00` }), 'bad_signature'],
    ['a signature that is no hex', () => forged({ signature: 'z'.repeat(40) }), 'bad_signature'],
    ['a signature in a list', () => ({ ...forged(), signature: [signature] }), 'bad_signature'],
    ['another timestamp', () => ({ ...forged(), timestamp: '1700000001' }), 'bad_signature'],
    ['another nonce', () => ({ ...forged(), nonce: '2' }), 'bad_signature'],
    [
      'a nonce beyond reason',
      () => forged(signedCallback({ task_id: 'forged', nonce: '1'.repeat(1_800_000) })),
      'bad_signature',
    ],
    ['a nonce as a list', () => ({ ...forged(), nonce: ['1'] }), 'bad_signature'],
    ['only __proto__', () => '{"__proto__":{"event":"snapshot","signature":"x"}}', 'undecodable'],
    [
      'a deep JSON',
      () => `{"event":"snapshot","signature":"x","a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      'bad_signature',
    ],
    ['a deep JSON cut off', () => `{"event":"snapshot","a":${'['.repeat(900_000)}`, 'undecodable'],
    ['a million form fields', () => 'a&'.repeat(940_000), 'undecodable'],
    [
      '1,001 fields',
      () => Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`event${n}`, 1])),
      'undecodable',
    ],
    ['100,000 keys in a list', () => `{"event":"x","a":[${keys(100_000)}]}`, 'bad_signature'],
    ['white space alone', () => ' '.repeat(1_900_000), 'undecodable'],
    ['plus signs alone', () => '+'.repeat(1_900_000), 'undecodable'],
    ['NUL', () => '\0', 'undecodable'],
    ['bytes that are no UTF-8', () => new Uint8Array([0xff, 0xfe, 0x7b, 0x00]), 'undecodable'],
  ]
  const keys = (count: number) => `{${Array.from({ length: count }, (_, n) => `"k${n}":1`).join()}}`

  it.each(rowsOfTable)('%s', async (_title, body, code) => {
    const answer = await deliver(body())
    const status = code === 'undecodable' ? 400 : 401
    expect([answer.status, await answer.json()]).toMatchObject([status, { code }])
    expect(await stored()).toEqual({ ...nothing, quarantine: [code] })
  })

  it('a body without end, unannounced, is not read to its end', async () => {
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
    ['on another vendor', { vendor: 'hw' }],
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

  it('that is old, repeated without end, writes nothing to the ledger and sixteen rows at most', async () => {
    const old = signedCallback({ timestamp: '1600000000' })
    for (let n = 0; n < 40; n += 1) await deliver({ ...old, task_id: `forged ${n}` })
    expect(await stored()).toEqual({ ...nothing, quarantine: Array(16).fill('stale') })
  })
})

describe('the same characters, split anew', () => {
  it.each(resplit.pairs)('timestamp $timestamp, nonce $nonce: never stored beside the original', async (pair) => {
    vi.useFakeTimers({ now: 1_470_820_198_000, toFake: ['Date'] })
    const { signature } = resplit
    await deliver({ ...signedCallback({ task_id: 'genuine' }), ...resplit.original, signature })
    const answer = await deliver({ ...forged(), ...pair, signature })
    expect([401, 409]).toContain(answer.status)
    expect((await stored()).snapshots).toEqual(['genuine'])
    expect(await events('forged', 0)).toEqual([])
  })

  it('a split that becomes fresh years later still meets the ledger', async () => {
    vi.useFakeTimers({ now: 1_700_000_000_000, toFake: ['Date'] })
    // "1700000000" + "1900000000123": read from the other end, there is a timestamp of 2030.
    const [timestamp, nonce] = ['1700000000', '1900000000']
    const genuine = signedCallback({ task_id: 'genuine', timestamp, nonce })
    await deliver(genuine, { RETENTION_DAYS: 1 })
    for (const years of [1, 3, 6]) {
      vi.setSystemTime(1_700_000_000_000 + years * 365 * 86_400_000)
      for (let minute = 0; minute < 3; minute += 1) await cron(minute, { RETENTION_DAYS: 1 })
    }
    vi.setSystemTime(1_900_000_000_000)
    const answer = await deliver(
      { ...genuine, timestamp: nonce, nonce: timestamp, task_id: 'forged' },
      { RETENTION_DAYS: 1 },
    )
    expect(answer.status).toBe(409)
  })
})

describe('signed, but hostile', () => {
  const list = (items: unknown[]) => ({ ...signedCallback(), snapshot_pic_list: items })
  const table: [string, () => unknown, number][] = [
    ['__proto__ as a field', () => JSON.stringify(signedCallback()).replace('{', '{"__proto__":{"admin":true},'), 200],
    [
      '__proto__ in a picture',
      () => ({ ...signedCallback(), snapshot_pic_list: '[{"url":"u","__proto__":{"url":5}}]' }),
      200,
    ],
    [
      'a repeated key: the last one counts',
      () => JSON.stringify(signedCallback()).replace('{', '{"task_id":"first",'),
      200,
    ],
    ['a lone surrogate in the task_id', () => signedCallback({ task_id: 'a\ud800' }), 202],
    ['a lone surrogate in a URL', () => list([{ url: 'a\ud800' }]), 200],
    ['NUL in the task_id', () => signedCallback({ task_id: 'a\0b' }), 202],
    ['NUL in a URL', () => list([{ url: 'a\0b' }]), 200],
    ['NUL in a form', () => new URLSearchParams({ ...signedCallback(), more: '\0' }).toString(), 200],
    ['a raw NUL in a form', () => `${new URLSearchParams(signedCallback()).toString()}&more=\0`, 200],
    ['task_id "."', () => signedCallback({ task_id: '.' }), 202],
    [
      '20,000 pictures',
      () => list(Array.from({ length: 20_000 }, (_, n) => ({ url: `http://p.test/${n}.jpg`, offset: n }))),
      200,
    ],
    [
      'a list nested beyond reason',
      () => ({ ...signedCallback(), snapshot_pic_list: `${'['.repeat(50_000)}${']'.repeat(50_000)}` }),
      202,
    ],
    [
      'an unknown field nested beyond reason',
      () => `${JSON.stringify(signedCallback()).slice(0, -1)},"deep":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
      200,
    ],
    ['a record just under the limit', () => list([{ url: 'x'.repeat(1_890_000) }]), 200],
    ['javascript: for a URL, which is data here', () => list([{ url: 'javascript:alert(1)' }]), 200],
  ]

  it.each(table)('%s: never lost, never a fault', async (_title, body, status) => {
    const answer = await deliver(body())
    expect(answer.status).toBe(status)
    const { snapshots, quarantine } = await stored()
    expect([snapshots.length, quarantine.length]).toEqual(status === 200 ? [1, 0] : [0, 1])
    if (status === 200) expect(await rows('SELECT publish_at FROM snapshots')).toEqual([{ publish_at: null }])
  })

  it('damaged in any of its bytes, in whatever encoding: never a fault', async () => {
    const damage = fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 4 }))
    const manner = fc.record({
      shape: fc.constantFrom(...shapeNames),
      charset: fc.constantFrom(...charsets),
      packing: fc.constantFrom(undefined, ...packings),
    })
    await fc.assert(
      fc.asyncProperty(manner, damage, async (how, [at, removed, put]) => {
        const { bytes } = encodeAs(signedCallback(), how)
        const place = at % bytes.length
        const body = Uint8Array.from([...bytes.subarray(0, place), ...put, ...bytes.subarray(place + removed)])
        expect([200, 202, 400, 401]).toContain((await deliver(body)).status)
      }),
      { numRuns: 200 },
    )
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
