/** Sends each event on by HTTP, signed as https://www.standardwebhooks.com has it, so that any of its libraries verifies it. */
import type { SnapshotEvent } from './event.ts'
import { Dead } from './dead.ts'
import { failureOf, USER_AGENT } from './http.ts'

export type Settings = {
  TARGET_URL?: string
  /** `whsec_<base64>`. To replace it, set the new and the old one with a space between: events are signed with both. */
  TARGET_SECRET?: string
}

const TIMEOUT_MS = 20_000
/** 32 characters of base64 are the 24 bytes that a secret has at least. */
const SECRET = /^whsec_([A-Za-z0-9+/]{32,}={0,2})$/

export async function handle(event: SnapshotEvent, { TARGET_URL, TARGET_SECRET }: Settings) {
  if (!TARGET_URL || !TARGET_SECRET) throw new Error('TARGET_URL and TARGET_SECRET are not both set')
  const body = JSON.stringify(event)
  const timestamp = String(Math.floor(Date.now() / 1000))
  const secrets = TARGET_SECRET.trim().split(/\s+/)
  const signatures = await Promise.all(secrets.map((secret) => sign(`${event.id}.${timestamp}.${body}`, secret)))
  const response = await fetch(TARGET_URL, {
    method: 'POST',
    headers: {
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'user-agent': USER_AGENT,
      // The same at every attempt: the other side drops repeats by it.
      'webhook-id': event.id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signatures.join(' '),
    },
    body,
    // A redirect is a failure like any other status outside 2XX: TARGET_URL should be the place itself.
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  if (response.ok) return response.body?.cancel()
  const failure = `TARGET_URL ${await failureOf(response)}`
  // 410 says that it wants no more events.
  throw response.status === 410 ? new Dead(failure) : new Error(failure)
}

async function sign(text: string, secret: string) {
  const hmac = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', keyIn(secret), hmac, false, ['sign'])
  const signature = await crypto.subtle.sign(hmac, key, new TextEncoder().encode(text))
  return `v1,${new Uint8Array(signature).toBase64()}`
}

/** A secret that cannot be read is refused: what an empty one signs, anyone can sign. */
function keyIn(secret: string) {
  const base64 = SECRET.exec(secret)?.[1]
  if (base64 === undefined) throw new Error('TARGET_SECRET is not whsec_ and the base64 of at least 24 bytes')
  return Uint8Array.fromBase64(base64)
}
