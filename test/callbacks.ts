/** ZEGOCLOUD as the tests play it: callbacks with a right signature, posted to the Worker. */
import { exports } from 'cloudflare:workers'
import { sign as signOf } from '../tools/zegocloud/callback.ts'

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

export const sign = (secret: string, timestamp: string, nonce: string) => signOf({ secret, timestamp, nonce })

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
