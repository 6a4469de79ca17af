import { env } from 'cloudflare:workers'
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { verify } from '../../src/callback/signature.ts'
import { post, sign } from '../callbacks.ts'
import { anyString, refusalOf } from './bodies.ts'
import bodies from '../wire/bodies.json'
import resplit from '../wire/resplit.json'
import signatures from '../wire/signatures.json'

const secretsOf = (secret: string) => ({ everyApp: [secret], byApp: new Map<string, string[]>() })

describe('every body that ZEGOCLOUD may send', () => {
  it.each(bodies.cases)('$name: $note', async ({ body, content_type, expect: expected }) => {
    vi.useFakeTimers({ now: bodies.clock * 1000, toFake: ['Date'] })
    // Bytes, because `fetch` gives a text a Content-Type of its own.
    const bytes = new TextEncoder().encode(body)
    const answer = await post(bytes, { headers: content_type === null ? {} : { 'content-type': content_type } })
    const said = await answer.json<Record<string, unknown>>()

    expect(answer.status).toBe(expected.status)
    expect(said.code).toBe(expected.code)
    if (expected.quarantined) expect(said).toMatchObject({ status: 'quarantined', reason: expected.quarantined })
    if (expected.snapshot) expect(said).toEqual({ status: 'stored', task_id: expected.snapshot.task_id })

    const rows = await env.DB.prepare('SELECT task_id, record FROM snapshots')
      .all<{ task_id: string; record: string }>()
      // The Worker makes its schema when it first needs it: what is refused before leaves none.
      .catch(() => ({ results: [] }))
    if (!expected.snapshot) return expect(rows.results).toEqual([])

    expect(rows.results.map(({ task_id }) => task_id)).toEqual([expected.snapshot.task_id])
    const record = JSON.parse(rows.results[0]!.record) as Record<string, unknown>
    for (const [field, value] of Object.entries(expected.snapshot)) expect(record[field], field).toEqual(value)
    expect('field_id' in record).toBe('field_id' in expected.snapshot)
  })
})

describe('every signature', () => {
  it.each(signatures)('$id: $note', async ({ secret, timestamp, nonce, signature, valid }) => {
    const refusal = await refusalOf(() => verify({ appid: '12345', timestamp, nonce, signature }, secretsOf(secret)))
    expect(refusal).toEqual(valid ? undefined : { code: 'bad_signature' })
  })
})

describe('every split of the published example', () => {
  const { signature, original, pairs } = resplit

  it.each([original, ...pairs])('is the same signature: $timestamp, $nonce', async ({ timestamp, nonce }) => {
    expect(
      await refusalOf(() => verify({ appid: undefined, timestamp, nonce, signature }, secretsOf('secret'))),
    ).toBeUndefined()
  })
})

describe('a signed body', () => {
  it('is stored or quarantined, whatever else it says', async () => {
    const text = fc.oneof(anyString, fc.constantFrom('.', '\u0000', '\ud800', '%7B', '1e400', '9'.repeat(400)))
    const value = fc.oneof(text, fc.jsonValue({ noUnicodeString: false }), fc.constant(undefined))
    const picture = fc.record({ url: value, offset: value, Offset: value, ['__proto__']: value }, { requiredKeys: [] })
    const list = fc.array(fc.oneof({ weight: 5, arbitrary: picture }, value), { maxLength: 3 })
    const said = fc.record({
      event: fc.oneof({ weight: 5, arbitrary: fc.constant('snapshot') }, value),
      appid: fc.oneof({ weight: 5, arbitrary: fc.constant('12345') }, value),
      task_id: fc.oneof(text, value),
      vendor: fc.oneof({ weight: 5, arbitrary: text }, value),
      field_id: value,
      snapshot_pic_list: fc.oneof(
        list,
        list.map((pictures) => JSON.stringify(pictures)),
        value,
      ),
      more: value,
    })
    let count = 0
    await fc.assert(
      fc.asyncProperty(said, async (fields) => {
        const [timestamp, nonce] = [String(Math.floor(Date.now() / 1000)), String((count += 1))]
        const answer = await post({ ...fields, timestamp, nonce, signature: sign('secret', timestamp, nonce) })
        expect(await answer.json()).toMatchObject({
          status: expect.stringMatching(/^(?:stored|duplicate|quarantined)$/),
        })
        expect([200, 202]).toContain(answer.status)
      }),
      { numRuns: 100 },
    )
  })
})
