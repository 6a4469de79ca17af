/** ZEGOCLOUD as the tests play it: callbacks with a right signature, in every encoding, posted to the Worker. */
import { exports } from 'cloudflare:workers'
import { createHash } from 'node:crypto'

/** The documented fields, as documented: every one a string, the list a JSON string. */
export type Fields = {
  event: string
  appid: string
  timestamp: string
  nonce: string
  signature: string
  task_id: string
  vendor: string
  field_id: string
  snapshot_pic_list: string
}

export const CALLBACK_URL = 'https://receiver.test/zego/callback'

/** Two screenshots. The first URL changes if somebody decodes it once too often. */
export const PICTURES = [
  { url: 'http://abc.com/1.jpg?sign=a%2Bb%3D%3D&t=1', offset: 1000 },
  { url: 'http://abc.com/2.jpg', offset: 2500.5 },
]

/** Written apart from the receiver's own code, so that the two can be held against each other. */
export function sign(secret: string, timestamp: string, nonce: string): string {
  const sorted = [secret, timestamp, nonce].map((text) => Buffer.from(text)).toSorted((a, b) => Buffer.compare(a, b))
  return createHash('sha1').update(Buffer.concat(sorted)).digest('hex')
}

/** A callback as ZEGOCLOUD would send it now. Fields that are given replace the usual ones before it is signed. */
export function signedCallback(fields: Partial<Fields> = {}, secret = 'secret'): Fields {
  const timestamp = fields.timestamp ?? String(Math.floor(Date.now() / 1000))
  const nonce = fields.nonce ?? crypto.randomUUID()
  return {
    appid: '12345',
    event: 'snapshot',
    timestamp,
    nonce,
    signature: sign(secret, timestamp, nonce),
    task_id: '1253642700910365374',
    field_id: '1397757897438985100',
    vendor: 'tencent',
    snapshot_pic_list: JSON.stringify(PICTURES),
    ...fields,
  }
}

/** Posts text or bytes as they are, and any other value as JSON. */
export function post(body: unknown, init: RequestInit = {}): Promise<Response> {
  const raw = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  return exports.default.fetch(CALLBACK_URL, { method: 'POST', body: raw, ...init })
}

type Sent = Readonly<Record<string, unknown>>

const json = (fields: Sent) => JSON.stringify(fields)
const pretty = (fields: Sent) => JSON.stringify(fields, null, 2)

const form = (fields: Sent) =>
  new URLSearchParams(
    Object.entries(fields).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  ).toString()

/** `+` for spaces and lower-case hex, as some URL encoders write it. */
const percentPlus = (text: string) =>
  encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replaceAll(/%../g, (escape) => escape.toLowerCase())

const withList = (fields: Sent, rewrite: (list: string) => unknown) =>
  typeof fields.snapshot_pic_list === 'string' && fields.snapshot_pic_list !== ''
    ? { ...fields, snapshot_pic_list: rewrite(fields.snapshot_pic_list) }
    : fields

/** JSON whose whole numbers in strings are bare numbers, written by hand: a JS number would round 19 digits. */
const bareNumbers = (fields: Sent) =>
  `{${Object.entries(fields)
    .map(([key, value]) => {
      const isWhole = typeof value === 'string' && /^(?:0|[1-9]\d*)$/.test(value)
      return `${JSON.stringify(key)}:${isWhole ? value : JSON.stringify(value)}`
    })
    .join(',')}}`

const PASCAL_CASE: Record<string, string> = {
  appid: 'AppId',
  event: 'Event',
  timestamp: 'Timestamp',
  nonce: 'Nonce',
  signature: 'Signature',
  task_id: 'TaskId',
  field_id: 'FileId',
  vendor: 'Vendor',
  snapshot_pic_list: 'SnapshotPicList',
}

const pascalCase = (fields: Sent) =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [PASCAL_CASE[key] ?? key, value]))

/** Every way in which one callback may come over the wire, by name. The list in `fields` is a JSON string. */
export const encodings = {
  json,
  'pretty json after a byte order mark': (fields) => `\uFEFF${pretty(fields)}\r\n`,
  'a json string': (fields) => JSON.stringify(json(fields)),
  'percent-encoded json': (fields) => encodeURIComponent(json(fields)),
  'percent-encoded json with + for spaces': (fields) => percentPlus(pretty(fields)),
  'percent-encoded json after a byte order mark': (fields) => encodeURIComponent(`\uFEFF ${json(fields)}`),
  'a percent-encoded json string': (fields) => encodeURIComponent(JSON.stringify(json(fields))),
  'a form': form,
  'a form whose only value is json': (fields) => `data=${encodeURIComponent(json(fields))}`,
  'a form whose only name is json': (fields) => `${encodeURIComponent(json(fields))}=`,
  'json with the list as an array': (fields) => json(withList(fields, (list) => JSON.parse(list))),
  'json with the list percent-encoded': (fields) => json(withList(fields, encodeURIComponent)),
  'a form with the list percent-encoded twice': (fields) => form(withList(fields, encodeURIComponent)),
  'json in pascal case': (fields) => json(pascalCase(fields)),
  'json with bare numbers': bareNumbers,
} satisfies Record<string, (fields: Sent) => string>

export type Encoding = keyof typeof encodings
