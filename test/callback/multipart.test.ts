import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOf } from '../../src/callback/bytes.ts'
import { boundaryIn, type Entry, readMultipart } from '../../src/callback/form.ts'
import { decodeOrRefusal } from './bodies.ts'

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

  it('may have 1,000 parts and not 1,001', () => {
    const body = (count: number) => part('event', '1').repeat(count) + END
    const decoded = (count: number) => decodeOrRefusal(body(count))
    expect(decoded(1_000)).toHaveProperty('fields')
    expect(decoded(1_001)).toMatchObject({ why: 'it has more than 1000 fields' })
    expect(decoded(10_000)).toMatchObject({ why: 'it has more than 1000 fields' })
  })

  it('that was cut off is no callback: pictures may be missing', () => {
    const body = part('event', 'snapshot') + part('signature', 'x')
    for (const text of [body, body.slice(0, -1), body.slice(0, -40)]) {
      expect(decodeOrRefusal(text)).toMatchObject({
        code: 'undecodable',
        why: expect.stringContaining('end'),
      })
    }
  })

  it('with a part that has no name, or behind its end, is no callback: a picture may be in it', () => {
    const start = part('event', 'snapshot') + part('signature', 'x')
    const nameless = part('more', '1').replace(' name=', ' n=')
    const headless = part('more', '1').replace('\r\n\r\n', '\r\n')
    for (const text of [start + nameless + END, start + headless + END, start + END + part('more', '1') + END]) {
      expect(decodeOrRefusal(text)).toMatchObject({ code: 'undecodable' })
    }
  })

  it.each(['event=--', '--event=1', '--\r\nevent=1', '--x\r\nevent=1', '{"event":"--x\r\ncontent-"}'])(
    'is not %j',
    (body) => {
      expect(boundaryIn(body)).toBeUndefined()
    },
  )
})
