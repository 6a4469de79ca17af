import { exports } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { verify } from '../../src/callback/signature.ts'
import bodies from '../wire/bodies.json'
import resplit from '../wire/resplit.json'
import signatures from '../wire/signatures.json'

const texts = import.meta.glob('../wire/bodies/*.txt', { query: '?raw', import: 'default', eager: true })

describe('every body that ZEGOCLOUD may send', () => {
  it.each(bodies.cases)('$name: $note', async ({ file, content_type, expect: expected }) => {
    vi.useFakeTimers({ now: bodies.clock * 1000, toFake: ['Date'] })
    const answer = await exports.default.fetch('https://receiver.test/zego/callback', {
      method: 'POST',
      body: texts[`../wire/${file}`] as string,
      headers: content_type === null ? {} : { 'content-type': content_type },
    })
    expect(answer.status).toBe(expected.status)
    console.log(await answer.json())
  })
})
void verify, resplit, signatures
