import { expect, test } from 'vitest'
import { sign, signQuery } from '../../tools/zegocloud/callback.ts'
import signatures from '../wire/signatures.json' with { type: 'json' }

test.each(signatures)('signs as ZEGOCLOUD does: $note', ({ secret, timestamp, nonce, signature, valid }) => {
  expect(sign({ secret, timestamp, nonce }) === signature).toBe(valid)
})

test("agrees with the example of ZEGOCLOUD's server API", () => {
  const signature = signQuery('12345', '4fd24687296dd9f3', '9193cc662a4c0ec135ec71fb57194b38', '1615186943')
  expect(signature).toBe('43e5cfcca828314675f91b001390566a')
})

test('sorts by bytes, not by UTF-16 units', () => {
  // U+FF5E is below U+1F600 as bytes, and above its first surrogate.
  const inByteOrder = sign({ secret: '\uFF5E', timestamp: '1', nonce: '\u{1F600}' })
  expect(inByteOrder).toBe(sign({ secret: '1\uFF5E\u{1F600}', timestamp: '', nonce: '' }))
})
