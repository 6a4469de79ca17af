import { expect, test } from 'vitest'
import { helpFor, oneOf, positive, present, readFlags, text, url, whole } from '../../tools/flags.ts'

const flags = {
  url: url('where to', undefined),
  secret: text('which secret', 'a text', undefined),
  count: whole('how many', 20, { from: 1 }),
  rate: positive('how fast', 20),
  vendor: oneOf('whose', ['mixed', 'tencent', 'hw'], 'mixed'),
  forge: present('forge too'),
}

test('has its standards', () => {
  expect(readFlags(flags, [])).toEqual({
    url: undefined,
    secret: undefined,
    count: 20,
    rate: 20,
    vendor: 'mixed',
    forge: false,
  })
})

test('reads values in both spellings; the last one counts', () => {
  const args = ['--count', '3', '--rate=0.5', '--vendor=hw', '--forge', '--url', 'https://x.test/a?b', '--count=4']
  expect(readFlags(flags, args)).toMatchObject({
    count: 4,
    rate: 0.5,
    vendor: 'hw',
    forge: true,
    url: 'https://x.test/a?b',
  })
})

test.each([
  [['--colour', 'red'], 'there is no --colour; there are --url, --secret, --count, --rate, --vendor, --forge'],
  [['--toString'], 'there is no --toString; there are --url, --secret, --count, --rate, --vendor, --forge'],
  [['-c'], 'there is no -c; there are --url, --secret, --count, --rate, --vendor, --forge'],
  [['--count', 'many'], '--count takes a whole number, 1 or more, not "many"'],
  [['--count', '0'], '--count takes a whole number, 1 or more, not "0"'],
  [['--count', '-5'], '--count takes a whole number, 1 or more, not "-5"'],
  [['--count', '1e3'], '--count takes a whole number, 1 or more, not "1e3"'],
  [['--count', '--forge'], '--count takes a whole number, 1 or more, not "--forge"'],
  [['--rate'], '--rate takes a number above 0'],
  [['--rate', '0'], '--rate takes a number above 0, not "0"'],
  [['--vendor', 'aws'], '--vendor takes mixed | tencent | hw, not "aws"'],
  [['--forge=yes'], '--forge takes no value, not "yes"'],
  [['--url', 'example.com'], '--url takes an http or https URL, not "example.com"'],
  [['--url', 'file:///etc'], '--url takes an http or https URL, not "file:///etc"'],
  [['receiver'], '"receiver" belongs to no flag; see --help'],
])('refuses %j', (args, complaint) => {
  expect(() => readFlags(flags, args)).toThrow(complaint)
})

test('never repeats a secret', () => {
  const secret = { secret: oneOf('which', ['a'], 'a') }
  expect(() => readFlags(secret, ['--secret', 'hunter2'])).toThrow(/^--secret takes a$/)
})

test('helps with each flag: what it is for, what it takes, what it is without', () => {
  expect(helpFor('A tool.', flags)).toContain(
    '  --count         how many (20)\n                  takes a whole number, 1 or more',
  )
})
