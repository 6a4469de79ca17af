import { expect, test } from 'vitest'
import { callbackFor, sign, signQuery, stamp, taskIdFor } from '../../tools/zegocloud/callback.ts'
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

test('stamps with the time now, in seconds, and a nonce of 19 digits that is never the same', () => {
  const one = stamp('secret')
  expect(Math.abs(Number(one.timestamp) - Date.now() / 1000)).toBeLessThan(60)
  expect(one.timestamp).toMatch(/^\d{10}$/)
  expect(one.nonce).toMatch(/^[1-9]\d{18}$/)
  expect(one.signature).toBe(sign({ secret: 'secret', ...one }))
  expect(new Set(Array.from({ length: 200 }, () => stamp('secret').nonce)).size).toBe(200)
})

test('makes task ids as the vendors do', () => {
  const tencent = Array.from({ length: 60 }, () => taskIdFor('tencent'))
  for (const id of tencent) expect(id).toMatch(/^(1500030200-procedurev2-[0-9a-f]{32}tt0|[1-9]\d{18})$/)
  expect(tencent.some((id) => /^\d+$/.test(id))).toBe(true)
  expect(taskIdFor('hw')).toMatch(/^[1-9]\d{8}$/)
})

test('makes the documented fields; those of Tencent Cloud only for Tencent Cloud', () => {
  const tencent = callbackFor({ secret: 'secret', vendor: 'tencent', pictures: 2, picturesAt: 'http://pictures.test/' })
  expect(Object.keys(tencent)).toEqual(
    'appid event timestamp nonce signature task_id field_id vendor snapshot_pic_list'.split(' '),
  )
  expect(tencent.event).toBe('snapshot')
  expect(tencent.snapshot_pic_list.map(({ offset }) => offset)).toEqual([0, 2500.5])
  expect(tencent.snapshot_pic_list[0]?.url).toBe(`http://pictures.test/${tencent.task_id}/0.svg?sign=a%2Bb%3D%3D&t=1`)
  const huawei = callbackFor({ secret: 'secret', vendor: 'hw', pictures: 2 })
  expect(huawei).not.toHaveProperty('field_id')
  for (const picture of huawei.snapshot_pic_list) expect(Object.keys(picture)).toEqual(['url'])
})
