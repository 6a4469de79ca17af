/** What needs no storage, again and again within one request, for its time to be taken from outside. */
import { decodeBody, readCallback } from '../../src/callback/read.ts'
import { type Secrets, verify } from '../../src/callback/signature.ts'
import { SECRET } from '../lib/secrets.ts'

const secrets: Secrets = { everyApp: [SECRET], byApp: new Map() }

/** All that happens to a callback before the first store is asked. */
async function understand(bytes: Uint8Array): Promise<void> {
  const decoded = await decodeBody({ bytes, contentType: null, contentEncoding: null })
  if ('code' in decoded) throw new Error(decoded.code)
  const refused = await verify(decoded.envelope, secrets)
  if (refused) throw new Error(refused.code)
  const { snapshot } = await readCallback(decoded, Date.now())
  if ('reason' in snapshot) throw new Error(snapshot.detail)
}

/** The least that anybody can do: the body, the list in it, one digest. */
async function parseAndDigest(bytes: Uint8Array): Promise<void> {
  const body = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, string>
  const list = JSON.parse(body['snapshot_pic_list'] ?? '') as unknown[]
  const signed = [SECRET, body['timestamp'], body['nonce']].toSorted().join('')
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(signed))
  if (list.length === 0 || new Uint8Array(digest).toHex() !== body['signature']) throw new Error('refused')
}

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url)
    const once = pathname === '/ours' ? understand : parseAndDigest
    const bytes = await request.bytes()
    for (let left = Number(searchParams.get('times')); left > 0; left -= 1) await once(bytes)
    return new Response('ok')
  },
} satisfies ExportedHandler
