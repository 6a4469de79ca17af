import { expect, test } from 'vitest'
import { forge, forgeries, resplits, resplittableStamp } from '../../tools/zegocloud/forgeries.ts'
import { callbackFor, sign, stamp, type Callback } from '../../tools/zegocloud/callback.ts'
import resplit from '../wire/resplit.json' with { type: 'json' }

test("finds every other 10-digit split of ZEGOCLOUD's published example", () => {
  const found = resplits({ ...resplit.original, signature: resplit.signature }, 'secret')
  const expected = resplit.pairs.filter(({ timestamp }) => timestamp.length === 10)
  expect(found.map(({ timestamp, nonce }) => ({ timestamp, nonce }))).toEqual(expected)
})

test.each(['secret', '0f1e2d3c', '2aaaaaaa', '5f1e2d3c', '9f1e2d3c', 'ABCDEF'])(
  'chooses a nonce whose signature also holds for another fresh timestamp, under the secret %s',
  (secret) => {
    const captured = callbackFor({ secret, stamped: resplittableStamp(secret) })
    const forged = forge('re-split signature', captured, secret) as Callback
    expect(forged.timestamp).not.toBe(captured.timestamp)
    expect(Math.abs(Number(forged.timestamp) - Number(captured.timestamp))).toBeLessThan(60)
    expect(forged.signature).toBe(captured.signature)
    expect(sign({ secret, ...forged })).toBe(captured.signature)
  },
)

test('forges content that was never sent, each kind in its own way', () => {
  const captured = callbackFor({ secret: 'secret', stamped: resplittableStamp('secret') })
  for (const kind of forgeries) expect(forge(kind, captured, 'secret')?.['task_id']).not.toBe(captured.task_id)
  expect(forge('unsigned', captured, 'secret')).not.toHaveProperty('signature')
  expect(forge('swapped body', captured, 'secret')).toMatchObject({
    timestamp: captured.timestamp,
    nonce: captured.nonce,
    signature: captured.signature,
  })
  const stale = forge('stale', captured, 'secret') as Callback
  expect(stale.signature).toBe(sign({ secret: 'secret', ...stale }))
  expect(Date.now() / 1000 - Number(stale.timestamp)).toBeGreaterThan(9000)
})

test('does not pretend to re-split what cannot be re-split', () => {
  const captured = callbackFor({ secret: 'secret', stamped: stamp('secret', 1_700_000_000, '7') })
  expect(forge('re-split signature', captured, 'secret')).toBeUndefined()
})
