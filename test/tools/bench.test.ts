import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { alone, compared, missedBy } from '../../tools/bench/figures.ts'
import { receiverFigures } from '../../tools/bench/receivers.ts'
import { table } from '../../tools/bench/table.ts'
import { percentile, spreadOf } from '../../tools/lab/stats.ts'

test('tells the median, the least and the most of its rounds', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 })
  expect(percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.95)).toBe(10)
})

test('takes ratios round by round, so that a slow round is slow for both', () => {
  const rounds = [
    { ours: 10, reference: 5 },
    { ours: 100, reference: 50 },
  ]
  expect(compared('a', 'ms', rounds).ratio).toEqual({ median: 2, least: 2, most: 2 })
})

test.each([
  [{ atMost: 2 }, 0],
  [{ atMost: 1.6 }, 0.25],
  [{ atLeast: 2 }, 0],
  [{ atLeast: 2.5 }, 0.2],
  [undefined, undefined],
])('compares a ratio of 2 with %j: missed by %s', (target, missed) => {
  const by = missedBy(compared('a', 'ms', [{ ours: 10, reference: 5 }], target))
  expect(by === undefined ? undefined : Number(by.toFixed(6))).toBe(missed)
})

test('compares a figure that stands alone with its target', () => {
  expect(missedBy(alone('a', 'ms', [7.5], { atMost: 6 }))).toBe(0.25)
  expect(missedBy(alone('a', 'ms', [5], { atMost: 6 }))).toBe(0)
  expect(missedBy(alone('a', 'ms', [5]))).toBeUndefined()
})

test('marks in its table what is met, and what is missed by how much', () => {
  const shown = table([
    compared('met', 'ms', [{ ours: 1, reference: 1 }], { atMost: 1.1 }),
    alone('missed', '/s', [0.5], { atLeast: 0.8 }),
    alone('shown', 'KiB', [74.125]),
  ])
  const [head, , ...rows] = shown.split('\n').map((line) => line.split('|').map((cell) => cell.trim()))
  expect(head).toEqual(['', 'figure', 'ours', 'compared with', 'ratio', 'target', '', ''])
  expect(rows).toEqual([
    ['', 'met', '1.00 ms', '1.00 ms', '1.00', 'at most 1.1', 'met', ''],
    ['', 'missed', '0.50 /s', '', '', 'at least 0.8', 'MISSED by 38 %', ''],
    ['', 'shown', '74.1 KiB', '', '', '', '', ''],
  ])
})

/** A receiver that takes all, and keeps the nonces of what came. */
async function receiver() {
  const nonces: string[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      nonces.push((JSON.parse(body) as { nonce: string }).nonce)
      response.end()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`), nonces }
}

test('compares two receivers with the same callbacks, and has the same figures for one alone', async () => {
  const [one, other] = [await receiver(), await receiver()]
  const both = await receiverFigures([one.url, other.url], 'secret', 2, 2)
  const warm = 2
  expect(new Set(one.nonces.slice(warm))).toEqual(new Set(other.nonces.slice(warm)))
  const { ours, reference } = both.find(({ name }) => name.startsWith('attempts'))!
  expect([ours.median, reference?.median]).toEqual([2, 2])
  const single = await receiverFigures([one.url], 'secret', 1, 1)
  expect(single.map(({ unit }) => unit)).toEqual(both.map(({ unit }) => unit))
  expect(single.every(({ ratio }) => ratio === undefined)).toBe(true)
})
