/** What our figures are compared with: Workers that do the least, in the plainest way. `/ours` is our own part of it. */
import { decode } from '../../src/callback/decode.ts'
import { type Secrets, verify } from '../../src/callback/signature.ts'
import { readCallback } from '../../src/callback/snapshot.ts'
import type { Env } from '../../src/settings.ts'
import { SECRET } from '../lib/secrets.ts'

type Body = { task_id: string; signature: string; timestamp: string; nonce: string; snapshot_pic_list: string }

const TABLE =
  'CREATE TABLE IF NOT EXISTS plain_snapshots (task_id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID'
const STORE = 'INSERT INTO plain_snapshots (task_id, record) VALUES (?1, ?2) ON CONFLICT DO NOTHING'

const bodyIn = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as Body

/** To D1, KV and the queue, all at once. */
async function threeWrites(bytes: Uint8Array, env: Env): Promise<unknown> {
  const body = bodyIn(bytes)
  const text = JSON.stringify(body)
  return Promise.all([
    env.DB.prepare(STORE).bind(body.task_id, text).run(),
    env.RESULTS.put(body.task_id, text),
    env.EVENTS.send(body as never, { contentType: 'json' }),
  ])
}

const secrets: Secrets = { everyApp: [SECRET], byApp: new Map() }

/** All that happens to a callback before the first store is asked. */
async function ours(bytes: Uint8Array): Promise<void> {
  const decoded = await decode({ bytes, contentType: null, contentEncoding: null })
  await verify(decoded.envelope, secrets)
  const { snapshot } = await readCallback(decoded, Date.now())
  if ('reason' in snapshot) throw new Error(snapshot.detail)
}

/** The body, the list in it, one digest. */
async function parseAndDigest(bytes: Uint8Array): Promise<void> {
  const { snapshot_pic_list, timestamp, nonce, signature } = bodyIn(bytes)
  const list = JSON.parse(snapshot_pic_list) as unknown[]
  const signed = [SECRET, timestamp, nonce].toSorted().join('')
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(signed))
  if (list.length === 0 || new Uint8Array(digest).toHex() !== signature) throw new Error('refused')
}

const WORK: Record<string, (bytes: Uint8Array, env: Env) => Promise<unknown>> = {
  '/table': (_bytes, env) => env.DB.prepare(TABLE).run(),
  '/zego/callback': threeWrites,
  '/ours': ours,
  '/floor': parseAndDigest,
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url)
    const bytes = await request.bytes()
    for (let left = Number(searchParams.get('times') ?? 1); left > 0; left -= 1) await WORK[pathname]!(bytes, env)
    return new Response('ok')
  },
} satisfies ExportedHandler<Env>
