import { expect, it } from 'vitest'
import { freshNonce, signCall } from '../../src/zego/client.ts'

it("agrees with ZEGOCLOUD's published example", async () => {
  const signature = await signCall('12345', '4fd24687296dd9f3', '9193cc662a4c0ec135ec71fb57194b38', '1615186943')
  expect(signature).toBe('43e5cfcca828314675f91b001390566a')
})

it('makes a nonce of 16 hex characters, another one each time', () => {
  const nonces = Array.from({ length: 100 }, freshNonce)
  expect(new Set(nonces).size).toBe(100)
  for (const nonce of nonces) expect(nonce).toMatch(/^[0-9a-f]{16}$/)
})
