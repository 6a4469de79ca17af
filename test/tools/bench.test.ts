import { expect, test } from 'vitest'
import { against, alone, isMet, percentile, spreadOf } from '../../tools/bench/figures.ts'
import { table } from '../../tools/bench/table.ts'

test('tells the median, the least and the most of its rounds', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 })
  expect(percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.95)).toBe(10)
})

test('takes ratios round by round, so that a slow round is slow for both', () => {
  const rounds = [
    { ours: 10, reference: 5 },
    { ours: 100, reference: 50 },
  ]
  expect(against('a', 'ms', rounds).ratio).toEqual({ median: 2, least: 2, most: 2 })
})

test.each([
  [{ atMost: 2 }, true],
  [{ atMost: 1.9 }, false],
  [{ atLeast: 2 }, true],
  [{ atLeast: 2.1 }, false],
  [undefined, undefined],
])('holds a ratio of 2 against %j: %s', (target, met) => {
  expect(isMet(against('a', 'ms', [{ ours: 10, reference: 5 }], target))).toBe(met)
})

test('holds a figure that stands alone against its target', () => {
  expect(isMet(alone('a', 'ms', [7], { atMost: 6 }))).toBe(false)
  expect(isMet(alone('a', 'ms', [5], { atMost: 6 }))).toBe(true)
})

test('marks in its table what is met and what is missed', () => {
  const shown = table([
    against('met', 'ms', [{ ours: 1, reference: 1 }], { atMost: 1.1 }),
    alone('missed', '/s', [0.5], { atLeast: 0.8 }),
    alone('shown', 'KiB', [74.125]),
  ])
  expect(shown.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['figure', 'ours', 'held against', 'ratio', 'target'],
    ['met', '1.00 ms', '1.00 ms', '1.00', 'at most 1.1', 'met'],
    ['missed', '0.50 /s', 'at least 0.8', 'MISSED'],
    ['shown', '74.1 KiB'],
  ])
})
