/** Texts, callbacks in JSON, spelled as a test wants them, and what is read from them before any store is asked. */
import * as fc from 'fast-check'
import { type RawBody, sha256 } from '../../src/callback/bytes.ts'
import { contentOf, jsonOf } from '../../src/callback/content.ts'
import { type Decoded, decodeText } from '../../src/callback/decode.ts'
import { type Refusal, Refused } from '../../src/callback/refusal.ts'
import { readSnapshot, readVerified, type VerifiedCallback } from '../../src/callback/snapshot.ts'
import type { Body } from '../../tools/zegocloud/encodings.ts'

/** Any string that JavaScript can hold, lone surrogates too. */
export const anyString = fc
  .array(fc.nat({ max: 0xffff }), { maxLength: 30 })
  .map((units) => String.fromCharCode(...units))

/** Any text of Unicode, characters beyond U+FFFF too. */
export const anyText = fc.string({ unit: 'binary', maxLength: 30 })

const SIGNED_AT = 1_700_000_000_000
const RECEIVED_AT = 1_700_000_000_412

/** The fields of a text, or why there are none. */
export function decodeOrRefusal(text: string): Pick<Decoded, 'fields'> | Extract<Refusal, { code: 'undecodable' }> {
  try {
    return decodeText({ text, isExact: true }, null)
  } catch (error) {
    if (error instanceof Refused && error.refusal.code === 'undecodable') return error.refusal
    throw error
  }
}

/** Why a step refuses; `undefined` if it does not. */
export async function refusalOf(step: () => unknown): Promise<Refusal | undefined> {
  try {
    await step()
  } catch (error) {
    if (error instanceof Refused) return error.refusal
    throw error
  }
  return undefined
}

export function contentIn(body: string) {
  return contentOf(decodeText({ text: body, isExact: true }, null), null)
}

export const readSigned = (body: string, signedAt: number | undefined) => {
  const content = contentIn(body)
  return readSnapshot(content, jsonOf(content), signedAt, RECEIVED_AT)
}

export const read = (body: string) => readSigned(body, SIGNED_AT)

/** As readers get it. */
export function recordIn(body: string): Record<string, unknown> {
  const said = read(body)
  if ('reason' in said) throw new Error(said.detail)
  if (said.text !== JSON.stringify(said.record)) throw new Error(`${said.text} is not the JSON of the record`)
  return JSON.parse(said.text) as Record<string, unknown>
}

export const hashIn = (body: string) => sha256(JSON.stringify(contentIn(body)))

export type Raw = Record<string, string | undefined>

const USUAL: Raw = {
  event: '"snapshot"',
  appid: '"12345"',
  task_id: '"1253642700910365374"',
  vendor: '"tencent"',
  field_id: '"1397757897438985100"',
  snapshot_pic_list: '[]',
  signature: '"x"',
}

/** A callback in JSON, of values that are JSON text: spelled as a test wants them. `undefined` leaves one out. */
export const raw = (fields: Raw = {}) =>
  `{${Object.entries({ ...USUAL, ...fields })
    .filter(([, json]) => json !== undefined)
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
    .join(',')}}`

export const withList = (json: string) => raw({ snapshot_pic_list: json })
export const withPicture = (members: string) => withList(`[{"url":"u",${members}}]`)
export const picturesIn = (body: string) => recordIn(body).snapshot_pic_list

export function rawOf({ bytes, contentType, contentEncoding }: Body): RawBody {
  return { bytes, contentType, contentEncoding: contentEncoding ?? null }
}

/** A whole body, in whatever charset and packing it came. */
export async function readBody(body: Body): Promise<VerifiedCallback> {
  return readVerified(rawOf(body), RECEIVED_AT)
}
