import { gunzipSync, inflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { Body } from '../../tools/encodings.ts'
import { callbackFor, encode, encodings, sign, type Callback, type Encoding } from '../../tools/zegocloud.ts'

type Decoded = Record<string, unknown>

/** Reads each encoding the plain way, knowing which it is. */
const decoders: Record<Encoding, (body: string, bytes: Uint8Array) => Decoded | Promise<Decoded>> = {
  json: fromJson,
  'pretty-bom': (body) => {
    expect(body).toMatch(/^\uFEFF\{\n/)
    return fromJson(body.slice(1))
  },
  'json-array': (body) => {
    const fields = fromJson(body)
    expect(Array.isArray(fields['snapshot_pic_list'])).toBe(true)
    return fields
  },
  'json-as-form-type': fromJson,
  'json-no-type': fromJson,
  'json-string': (body) => fromJson(JSON.parse(body) as string),
  numbers: (body) => {
    expect(body).toMatch(/"appid":12345,.*"timestamp":\d{10},"nonce":\d{19},.*("field_id":\d{19},|"hw")/)
    return fromJson(body)
  },
  'pascal-case': (body) => {
    expect(body).toMatch(/"AppId":12345,"Event":"snapshot","Timestamp":\d{10},"Nonce":"/)
    const { FileId, ...others } = fromJson(body)
    const lower = Object.entries(others).map(([key, value]) => [key.replace(/\B[A-Z]/g, '_$&').toLowerCase(), value])
    const { app_id, ...fields } = Object.fromEntries(lower)
    return { ...fields, appid: app_id, ...(FileId !== undefined && { field_id: FileId }) }
  },
  'list-percent': (body) => {
    const fields = fromJson(body)
    return { ...fields, snapshot_pic_list: decodeURIComponent(fields['snapshot_pic_list'] as string) }
  },
  'percent-json': (body) => fromJson(decodeURIComponent(body)),
  'percent-json-plus': (body) => {
    expect(body).toMatch(/^%7b%0a\+%22appid%22%3a\+/)
    return fromJson(decodeURIComponent(body.replaceAll('+', ' ')))
  },
  'percent-bom': (body) => {
    expect(body).toMatch(/^%EF%BB%BF%7B/)
    return fromJson(decodeURIComponent(body.slice('%EF%BB%BF'.length)))
  },
  'percent-string': (body) => fromJson(JSON.parse(decodeURIComponent(body)) as string),
  form: fromForm,
  'form-as-json-type': fromForm,
  'form-one-field': (body) => fromJson(new URLSearchParams(body).get('data') ?? ''),
  'form-json-as-key': (body) => {
    const [[name, value] = ['', '?'], ...others] = new URLSearchParams(body)
    expect([value, others]).toEqual(['', []])
    return fromJson(name)
  },
  'form-bare': (body) => {
    expect(body).toContain('&snapshot_pic_list=[{"url":"')
    return fromForm(body)
  },
  'form-list': (body) => withList(body, /^snapshot_pic_list\[\]$/, jsonTexts),
  'form-repeated': (body) => withList(body, /^snapshot_pic_list$/, jsonTexts),
  'form-indices': (body) => withList(body, /^snapshot_pic_list\[\d\]$/, jsonTexts),
  'form-members': (body) => withList(body, /^snapshot_pic_list\[(\d)\]\[(\w+)\]$/, picturesOf),
  'form-dots': (body) => withList(body, /^snapshot_pic_list\.(\d)\.(\w+)$/, picturesOf),
  'multipart-indices': async (_, bytes) =>
    listOf(Object.entries(await fromMultipart(bytes)) as [string, string][], /^snapshot_pic_list\[\d\]$/, jsonTexts),
  multipart: (_, bytes) => fromMultipart(bytes),
  'multipart-files': (_, bytes) => fromMultipart(bytes),
  gzip: (_, bytes) => fromJson(gunzipSync(bytes).toString()),
  deflate: (_, bytes) => fromForm(inflateSync(bytes).toString()),
  gbk: (_, bytes) => fromJson(new TextDecoder('gbk').decode(bytes)),
  'gbk-form': fromForm,
  'utf-16': (_, bytes) => {
    expect(Buffer.from(bytes).readUInt16LE()).toBe(0xfeff)
    return fromJson(new TextDecoder('utf-16le').decode(bytes))
  },
}

type Match = [match: RegExpExecArray, text: string]

const jsonTexts = (matches: Match[]) => matches.map(([, text]) => fromJson(text))

/** A form whose fields of this pattern make the list. */
function withList(body: string, pattern: RegExp, picturesIn: (matches: Match[]) => unknown[]): Decoded {
  return listOf([...new URLSearchParams(body)], pattern, picturesIn)
}

function listOf(entries: [string, string][], pattern: RegExp, picturesIn: (matches: Match[]) => unknown[]): Decoded {
  const matches = entries.map(([key, text]) => [pattern.exec(key), text]).filter(([match]) => match) as Match[]
  const others = entries.filter(([key]) => !pattern.test(key))
  return { ...Object.fromEntries(others), snapshot_pic_list: picturesIn(matches) }
}

function picturesOf(matches: Match[]) {
  const pictures: Decoded[] = []
  for (const [[, index = '', member = ''], text] of matches) {
    const value = member === 'offset' ? Number(text) : text
    pictures[Number(index)] = { ...pictures[Number(index)], [member]: value }
  }
  return pictures
}

async function fromMultipart(bytes: Uint8Array): Promise<Decoded> {
  const [boundary = ''] = /(?<=^--)\S+/.exec(Buffer.from(bytes).toString()) ?? []
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  const form = await new Response(bytes, { headers }).formData()
  const entries = [...form].map(async ([key, value]) => [key, typeof value === 'string' ? value : await value.text()])
  return Object.fromEntries(await Promise.all(entries)) as Decoded
}

/** A long number as the digits it was written with. */
const reviver = (_key: string, value: unknown, context?: { source?: string }) =>
  typeof value === 'number' && context?.source?.length === 19 ? context.source : value

function fromJson(text: string) {
  return JSON.parse(text, reviver) as Record<string, unknown>
}

function fromForm(body: string) {
  return Object.fromEntries(new URLSearchParams(body)) as Record<string, unknown>
}

async function decode({ bytes }: Body, encoding: Encoding): Promise<Callback> {
  const fields = await decoders[encoding](Buffer.from(bytes).toString(), bytes)
  const list = fields['snapshot_pic_list']
  const texts = Object.entries(fields).map(([key, value]) => [key, typeof value === 'number' ? String(value) : value])
  return {
    ...(Object.fromEntries(texts) as Callback),
    snapshot_pic_list: (typeof list === 'string' ? JSON.parse(list) : list) as Callback['snapshot_pic_list'],
  }
}

test.each(encodings)('%s holds the same fields, and its signature holds', async (encoding) => {
  const callback = callbackFor({ secret: 'secret' })
  const decoded = await decode(encode(callback, encoding), encoding)
  expect(decoded).toEqual(callback)
  expect(sign({ secret: 'secret', ...decoded })).toBe(callback.signature)
})

test.each(encodings)('%s leaves out what Huawei Cloud leaves out', async (encoding) => {
  const callback = callbackFor({ secret: 'secret', vendor: 'hw' })
  expect(await decode(encode(callback, encoding), encoding)).toEqual(callback)
})

test.each(encodings)('%s takes a callback of another event, without a list', (encoding) => {
  const { bytes } = encode({ event: 'record', appid: '1', timestamp: '2', nonce: '3', signature: 'x' }, encoding)
  expect(Buffer.from(bytes).toString()).not.toContain('undefined')
})

test('is sent under every kind of Content-Type, and under none', () => {
  const callback = callbackFor({ secret: 'secret' })
  const types = new Set(encodings.map((encoding) => encode(callback, encoding).contentType?.split(';')[0]))
  const forms = ['application/x-www-form-urlencoded', 'multipart/form-data']
  expect(types).toEqual(new Set(['application/json', ...forms, 'text/plain', undefined]))
})
