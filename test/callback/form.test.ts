import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOf } from '../../src/callback/bytes.ts'
import { readBody, decodeOrRefusal } from './bodies.ts'
import { boundaryIn, type Entry, readMultipart } from '../../src/callback/form.ts'

const USUAL = 'event=snapshot&appid=1&vendor=hw&task_id=7&signature=x&nonce=1&timestamp=1700000000'

const readForm = (form: string) => readBody({ bytes: bytesOf(`${USUAL}&${form}`), contentType: null })

async function picturesIn(form: string) {
  const { snapshot } = await readForm(form)
  return 'record' in snapshot ? snapshot.record.snapshot_pic_list : snapshot.detail
}

/** Keys and texts, percent-encoded. */
const formOf = (...entries: [key: string, text: string][]) => new URLSearchParams(entries).toString()

const LIST = 'snapshot_pic_list'
const [A, B] = ['{"url":"a","offset":1}', '{"url":"b","offset":2}']
const BOTH = [
  { url: 'a', offset: 1 },
  { url: 'b', offset: 2 },
]

/** `A` and `B` stand for these two pictures in JSON; a key without a name is behind that of the list. */
const READ: [title: string, entries: string, pictures: object[]][] = [
  ['indices in another order', '[1]=B&[0]=A', BOTH],
  ['dotted indices', '.0=A&.1=B', BOTH],
  ['a dot behind brackets', '[0].url=a&[0].offset=1&[1].url=b&[1].offset=2', BOTH],
  ['members in other spellings', '[0][URL]=a&[0][Off_Set]=1&[1]=B', BOTH],
  ['each percent-encoded once more', '[]=%A&[]=%B', BOTH],
  ['the whole list, and the key empty once more', '=[A,B]&=', BOTH],
  ...['SnapshotPicList', 'snapshotPicList', 'SNAPSHOT_PIC_LIST'].flatMap((name): typeof READ => [
    [`${name}[]`, `${name}[]=A&${name}[]=B`, BOTH],
    [`${name} with dots`, `${name}.0=A&${name}.1.url=b&${name}.1.offset=2`, BOTH],
  ]),
  ['a key that is repeated in two spellings', '=A&SnapshotPicList=B&={"url":"c"}', [...BOTH, { url: 'c' }]],
  ['whole lists in two spellings: the documented one', '=[A]&SnapshotPicList=[B]', [BOTH[0]!]],
  ...['', '[]', '[0]', '.0'].map((path): [string, string, object[]] => [
    `one picture, ${path}`,
    `${path}=A`,
    [BOTH[0]!],
  ]),
  ...['=', '=&=', '[]='].map((entries): [string, string, object[]] => [`nothing, ${entries}`, entries, []]),
]

/** What nobody sends, or what has no certain order, and the key that says so. */
const MISREAD = [
  ['a missing index', '[0]=A&[2]=B', '[0]'],
  ['indices from 1', '[1]=A&[2]=B', '[1]'],
  ['an index twice', '[0]=A&[0]=B', '[0]'],
  ['a member twice', '[0][url]=a&[0][url]=b', '[0][url]'],
  ['an index with a member and without', '[0]=A&[0][url]=b', '[0]'],
  ['a list beside its elements', '=[A]&[1]=B', '[1]'],
  ['members without an index', '[][url]=a&[][url]=b', '[][url]'],
  ['a name for an index', '[first]=A', '[first]'],
  ['a deeper path', '[0][url][0]=a', '[0][url][0]'],
  ['half a path', '[0=A', '[0'],
  ['two kinds of path', '[]=A&[0]=B', '[0]'],
  ...[
    ['snapshot_pic_list2', 'SnapshotPicList_0_url', 'snapshot_pic_list:0', 'snapshot_pic_list]'],
    ['task_id[]', 'task_id[0', 'TaskId.0', 'file_id[x]', 'vendor.name'],
  ]
    .flat()
    .map((name) => [name, `${name}=x`, JSON.stringify(name)] as const),
] as const

const sent = (text: string) =>
  text
    .replace(/^%([AB])$/, (_, letter) => encodeURIComponent(letter === 'A' ? A : B))
    .replaceAll(/\bA\b/g, A)
    .replaceAll(/\bB\b/g, B)

function formFrom(entries: string): string {
  const pairs = entries.split('&').map((entry): [string, string] => {
    const [, key = '', text = ''] = /^([^=]*)=(.*)$/.exec(entry) ?? []
    return [/^\w/.test(key) ? key : `${LIST}${key}`, sent(text)]
  })
  return formOf(...pairs)
}

describe('the list of a form', () => {
  it.each(READ)('may be %s', async (_, entries, pictures) => {
    expect(await picturesIn(formFrom(entries))).toEqual(pictures)
    const json = await readForm(formOf([LIST, JSON.stringify(pictures)]))
    expect((await readForm(formFrom(entries))).content).toBe(json.content)
  })

  it.each(MISREAD)('is not understood with %s: the callback is kept whole', async (_, entries, name) => {
    const detail = expect.stringContaining(name.startsWith('[') ? `${LIST}${name}` : name)
    expect((await readForm(formFrom(entries))).snapshot).toEqual({ reason: 'invalid_snapshot', detail })
  })

  it('never has fewer pictures than were sent, whatever their keys', async () => {
    const pieces = ['[', ']', '[]', '[0]', '[1]', '[2]', '.', '.0', '.1', '[url]', '.url', '[offset]', ' ']
    const path = fc.oneof(
      fc.constantFrom('', '[]', '[0]', '[1]', '[2]', '[0][url]', '[1][url]', '.0.url', '.1'),
      fc.array(fc.constantFrom(...pieces), { maxLength: 4 }).map((all) => all.join('')),
    )
    let stored = 0
    await fc.assert(
      fc.asyncProperty(fc.array(path, { minLength: 1, maxLength: 4 }), async (paths) => {
        const urls = paths.map((_, index) => `http://a.test/${index}.jpg`)
        const textOf = (each: string, url = '') => (each.includes('url') ? url : JSON.stringify({ url }))
        const entries = paths.map((each, index): [string, string] => [`${LIST}${each}`, textOf(each, urls[index])])
        const pictures = await picturesIn(formOf(...entries))
        if (typeof pictures === 'string') return
        stored += 1
        expect(pictures.map(({ url }) => url).toSorted()).toEqual(urls)
      }),
      { numRuns: 2_000 },
    )
    expect(stored).toBeGreaterThan(100)
  })
})

/** One of them has a Cyrillic letter. */
const OTHER_NAMES = [
  ['event_time', 'eventType', 'vendor_region', 'nonce_str', 'nonce2', 'signature_v2', 'task_id2', 'task_ids'],
  ['snapshot_pic_list_count', 'SnapshotPicLists', 'pic_list', 'my_task_id', 'my.task_id', 'request_id', '[0]', '.'],
  ['task-id', 'task id', ' task_id', 't\u0430sk_id', 'constructor', 'toString'],
].flat()

describe('an index or a key behind a documented name', () => {
  it.each(OTHER_NAMES)('is not %j: a field of its own', async (name) => {
    expect((await readForm(formOf([name, 'x']))).snapshot).toHaveProperty(['record', 'extra'], { [name]: 'x' })
  })

  it.each([
    [
      'is found in JSON, too',
      '{"event":"snapshot","signature":"x","snapshot_pic_list[0]":{"url":"u"}}',
      'invalid_snapshot',
    ],
    ['does not matter where the event is another one', 'event=compose&event[time]=1', 'unsupported_event'],
    ['may be the event itself', 'event[]=snapshot&signature=x', 'invalid_snapshot'],
  ])('%s', async (_, body, reason) => {
    expect((await readBody({ bytes: bytesOf(body), contentType: null })).snapshot).toHaveProperty('reason', reason)
  })
})

const BOUNDARY = '------------------------d74496d66958873e'

const part = (name: string, text: string, newline = '\r\n') =>
  `--${BOUNDARY}${newline}Content-Disposition: form-data; name="${name}"${newline}${newline}${text}${newline}`

const END = `--${BOUNDARY}--\r\n`

function read(body: string): Entry[] | undefined {
  const boundary = boundaryIn(body)
  return boundary === undefined ? undefined : readMultipart(body, boundary, 1_000)
}

/** The platform's own reader. */
async function reference(body: string): Promise<Entry[]> {
  const headers = { 'content-type': `multipart/form-data; boundary="${BOUNDARY}"` }
  const form = await new Response(bytesOf(body), { headers }).formData()
  return Promise.all([...form].map(async ([key, value]): Promise<Entry> => [key, await textOf(value)]))
}

const textOf = async (value: string | File) => (typeof value === 'string' ? value : value.text())

describe('a multipart body', () => {
  it("has the fields that the platform's reader finds", async () => {
    const name = fc.string({
      unit: fc.constantFrom('a', '[', ']', '.', ' ', ';', '=', '图', 'name'),
      minLength: 1,
      maxLength: 6,
    })
    const text = fc.array(
      fc.oneof(
        fc.constantFrom('\r', '\n', '\r\n', '--', BOUNDARY, `--${BOUNDARY}`, ' ', '{"a":1}', '%', '"'),
        fc.string({ unit: 'binary', maxLength: 5 }),
      ),
    )
    const texts = text.map((pieces) => pieces.join('')).filter((each) => !`\n${each}`.includes(`\n--${BOUNDARY}`))
    const parts = fc.array(fc.tuple(name, texts, fc.constantFrom('\r\n', '\n')), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(parts, async (entries) => {
        const body = entries.map(([key, value, newline]) => part(key, value, newline)).join('') + END
        expect(read(body)).toEqual(await reference(body))
      }),
      { numRuns: 500 },
    )
  })

  const lines = (...headers: string[]) => `${[`--${BOUNDARY}`, ...headers, '', 'text'].join('\r\n')}\r\n${END}`

  it.each([
    ['with the type first', lines('Content-Type: text/plain', 'Content-Disposition: form-data; name="a"')],
    ['with a name without quotes', lines('content-disposition: form-data; name=a')],
    ['of a file', lines('Content-Disposition: form-data; filename="name=b"; name="a"', 'Content-Type: text/plain')],
    ['behind other lines', `Some words.\r\n${part('a', 'text')}${END}`],
    ['without a line behind its end', (part('a', 'text') + END).trimEnd()],
  ])('may be one %s', (_, body) => {
    expect(read(body)).toEqual([['a', 'text']])
  })

  const [event, more] = [part('event', 'snapshot'), part('more', '1')]

  it.each([
    ['was cut off behind a part', event],
    ['was cut off within a part', event.slice(0, -40)],
    ['was cut off within its end', event + END.slice(0, -4)],
    ['has a part without a name', event + more.replace(' name=', ' n=') + END],
    ['has a part without an empty line', event + more.replace('\r\n\r\n', '\r\n') + END],
    ['has a part behind its end', event + END + more + END],
  ])('that %s is no callback: a picture may be missing', (_, body) => {
    expect(decodeOrRefusal(body)).toMatchObject({
      code: 'undecodable',
      why: expect.stringContaining('end or the name'),
    })
  })

  it.each(['event=--', '--event=1', '--\r\nevent=1', '--x\r\nevent=1', '{"event":"--x\r\ncontent-"}'])(
    'is not %j',
    (body) => {
      expect(boundaryIn(body)).toBeUndefined()
    },
  )
})
