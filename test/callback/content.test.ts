import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeAs } from '../../tools/zegocloud/encodings.ts'
import { contentIn, hashIn, raw, readBody, withList, withPicture } from './bodies.ts'

/** What a callback says, in small alphabets: so that two of them often say the same, or nearly. */
const statement = fc.record({
  event: fc.constantFrom('snapshot', 'snapshots'),
  appid: fc.constantFrom('1', '01'),
  task_id: fc.constantFrom('7', 'Z', 'z'),
  vendor: fc.constantFrom('hw', 'tencent'),
  field_id: fc.option(fc.constantFrom('8', 'f'), { nil: undefined }),
  pictures: fc.array(
    fc.record({
      url: fc.constantFrom('u', '%75', 'U', ''),
      offset: fc.option(fc.constantFrom(0, 1000, 2500.5), { nil: undefined }),
      width: fc.option(fc.constantFrom(1, '1', null, { a: [1, 2], b: 0 }, { a: [2, 1], b: 0 }), { nil: undefined }),
    }),
    { maxLength: 3 },
  ),
  extra: fc.record(
    { request_id: fc.constantFrom('r', 's'), Request_Id: fc.constantFrom('r', 's') },
    { requiredKeys: [] },
  ),
})

type Statement = typeof statement extends fc.Arbitrary<infer Value> ? Value : never

/** How it may be said. */
const manner = fc.record({
  turn: fc.nat({ max: 9 }),
  spelling: fc.array(fc.nat({ max: 3 }), { minLength: 10, maxLength: 10 }),
  absent: fc.constantFrom('left out' as const, 'empty' as const),
  space: fc.constantFrom('', ' ', '\n'),
  nonce: fc.constantFrom('1', '2'),
})

type Manner = typeof manner extends fc.Arbitrary<infer Value> ? Value : never

const ABSENT = { 'left out': undefined, empty: '' }

const pascal = (name: string) => name.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
const SPELLINGS = [(name: string) => name, pascal, (name: string) => name.toUpperCase(), (name: string) => `_${name}`]

const turned = <Value>(list: Value[], by: number) => {
  const at = by % Math.max(1, list.length)
  return [...list.slice(at), ...list.slice(0, at)]
}

const inAnyOrder = (value: unknown, turn: number) =>
  typeof value === 'object' && value !== null ? Object.fromEntries(turned(Object.entries(value), turn)) : value

function say(said: Statement, { turn, spelling, absent, space, nonce }: Manner) {
  const spell = (name: string, at: number) => SPELLINGS[spelling[at % 10]!]!(name)
  const offsetText = (offset: number, at: number) =>
    [String(offset), `"${offset}"`, `${offset}e0`, `"${offset}E+0"`][spelling[at % 10]!]!
  const pictures = said.pictures.map(({ url, offset, width }, at) => {
    const members = [`${JSON.stringify(spell('url', at))}:${space}${JSON.stringify(url)}`]
    if (offset !== undefined) members.push(`${JSON.stringify(spell('offset', at + 1))}:${offsetText(offset, at + 2)}`)
    else if (absent === 'empty') members.push('"offset":""')
    if (width !== undefined) members.push(`"width"${space}:${JSON.stringify(inAnyOrder(width, turn))}`)
    return `{${turned(members, turn).join(`${space},`)}}`
  })
  const list = `[${space}${pictures.join(',')}]`
  const documented: [string, string | undefined][] = [
    ['event', said.event],
    ['appid', said.appid],
    ['task_id', said.task_id],
    ['vendor', said.vendor],
    ['field_id', said.field_id ?? ABSENT[absent]],
    ['timestamp', '1700000000'],
    ['nonce', nonce],
    ['signature', nonce.repeat(40)],
  ]
  const entries = [
    ...documented.map(([name, value], at) => [spell(name, at), value] as const),
    ['snapshot_pic_list', said.pictures.length > 0 || turn > 4 ? list : ABSENT[absent]] as const,
    ...Object.entries(said.extra),
  ].filter(([, value]) => value !== undefined)
  return encodeAs(Object.fromEntries(turned(entries, turn)), { shape: 'json' })
}

const DIFFERENCES: [string, string][] = [
  ['an unknown field', raw({ more: '1' })],
  ['an unknown field that is null', raw({ more: 'null' })],
  ['an unknown field of another case', raw({ More: '1' })],
  ['__proto__', raw().replace('{', '{"__proto__":1,')],
  ['an id of another form', raw({ appid: '"012345"' })],
  ['a task_id that is null', raw({ task_id: 'null' })],
  ['a task_id that is left out', raw({ task_id: undefined })],
  ['a list cut off', withList('"[{"')],
  ['a picture', withList('[{"url":"u"}]')],
  ['the picture twice', withList('[{"url":"u"},{"url":"u"}]')],
  ['a picture that is none', withList('[{}]')],
  ['another offset', withPicture('"offset":1')],
  ['an offset above 2^53', withPicture('"offset":9007199254740993')],
  ['another offset above 2^53', withPicture('"offset":9007199254740995')],
  ['an endless offset', withPicture('"offset":1e400')],
  ['another endless offset', withPicture('"offset":"1e401"')],
  ['an unknown number above 2^53', raw({ more: '9007199254740993' })],
  ['another unknown number above 2^53', raw({ more: '9007199254740992' })],
  ['a lone surrogate', withList('[{"url":"\\ud800"}]')],
  ['another lone surrogate', withList('[{"url":"\\ud801"}]')],
  ['an escaped lone surrogate', withList('[{"url":"\\\\ud800"}]')],
  ['nested fields', raw({ more: '{"a":1,"b":2}' })],
  ['nested lists in another order', raw({ more: '[2,1]' })],
  ['nested lists', raw({ more: '[1,2]' })],
]

describe('the content of a callback', () => {
  it('has the same hash exactly when the same is said, however it is said', async () => {
    const two = fc.oneof(
      fc.tuple(statement, statement),
      statement.map((one) => [one, one] as const),
      fc
        .tuple(statement, statement, fc.constantFrom(...(['appid', 'field_id', 'pictures', 'extra'] as const)))
        .map(([one, other, name]) => [one, { ...one, [name]: other[name] }] as const),
    )
    const seen = { same: 0, other: 0 }
    await fc.assert(
      fc.asyncProperty(two, manner, manner, async ([one, other], how, otherwise) => {
        const isSame = canonicalStatement(one) === canonicalStatement(other)
        seen[isSame ? 'same' : 'other'] += 1
        const [first, second] = [await readBody(say(one, how)), await readBody(say(other, otherwise))]
        expect(first.content === second.content).toBe(isSame)
      }),
      { numRuns: 2_000 },
    )
    expect(Math.min(seen.same, seen.other)).toBeGreaterThan(200)
  })

  it('is another with anything that differs, and each difference is another', async () => {
    const titles = new Map([[await hashIn(raw()), 'the usual callback']])
    for (const [title, body] of DIFFERENCES) {
      const hash = await hashIn(body)
      expect(titles.get(hash), title).toBeUndefined()
      titles.set(hash, title)
    }
  })
})

function canonicalStatement(said: Statement): string {
  return JSON.stringify({ ...said, extra: Object.entries(said.extra).toSorted() })
}

it('a list may be wrapped in three strings more, percent-encoded or not, and not in four', () => {
  const layers = fc.array(fc.boolean(), { maxLength: 5 })
  fc.assert(
    fc.property(layers, (isPercent) => {
      let list = '[{"url":"a%2Bb + \uFEFF"}]'
      for (const percent of isPercent)
        list = percent && !list.startsWith('%') ? encodeURIComponent(list) : `${JSON.stringify(list)} `
      const { snapshot_pic_list } = contentIn(withList(JSON.stringify(list)))
      if (isPercent.length <= 3) expect(snapshot_pic_list).toEqual([{ url: 'a%2Bb + \uFEFF' }])
      else expect(snapshot_pic_list).toEqual(expect.any(String))
    }),
  )
})
