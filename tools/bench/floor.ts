/** What a callback costs at least: Workers that check nothing, and do the same writes in the plainest way. */
import type { CompletedRecord } from '../../src/event.ts'
import type { Env } from '../../src/settings.ts'
import { settle } from '../../src/store/settle.ts'

type Body = { task_id: string; signature: string }

/** Beside the receiver's own schema, which `settle` makes. */
const TABLES = [
  'CREATE TABLE IF NOT EXISTS plain_snapshots (task_id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID',
  'CREATE TABLE IF NOT EXISTS plain_ledger (signature TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID',
]
const STORE = 'INSERT INTO plain_snapshots (task_id, record) VALUES (?1, ?2) ON CONFLICT DO NOTHING'
const ENTER = 'INSERT INTO plain_ledger (signature, content) VALUES (?1, ?2) ON CONFLICT DO NOTHING'
const FIND = 'SELECT task_id FROM plain_snapshots WHERE task_id = ?1'

/** To D1, KV and the queue, all at once. */
async function threeWrites(text: string, env: Env): Promise<void> {
  const body = JSON.parse(text) as Body
  await Promise.all([
    env.DB.prepare(STORE).bind(body.task_id, text).run(),
    env.RESULTS.put(body.task_id, text),
    env.EVENTS.send(body as never, { contentType: 'json' }),
  ])
}

/** One batch of three statements on tables without an index, and nothing else. */
async function plainBatch(text: string, env: Env): Promise<void> {
  const { task_id, signature } = JSON.parse(text) as Body
  await env.DB.batch([
    env.DB.prepare(ENTER).bind(signature, task_id),
    env.DB.prepare(STORE).bind(task_id, text),
    env.DB.prepare(FIND).bind(task_id),
  ])
}

/** The receiver's own batch, and nothing else. */
async function ownBatch(text: string, env: Env): Promise<void> {
  const { task_id, signature } = JSON.parse(text) as Body
  const now = Date.now()
  const times = { signed_at: new Date(now).toISOString(), received_at: new Date(now).toISOString() }
  const kind = { status: 'completed', appid: '12345', vendor: 'tencent', via: 'callback' } as const
  const record: CompletedRecord = { task_id, ...kind, snapshot_pic_list: [], ...times }
  const content = crypto.randomUUID()
  const raw = { bytes: new TextEncoder().encode(text), contentType: null, contentEncoding: null }
  const event = 'snapshot'
  await settle(env.DB, {
    signature,
    content,
    latestClaim: now,
    receivedAt: now,
    signedAt: now,
    event,
    task_id,
    raw,
    snapshot: { record, text: JSON.stringify(record) },
  })
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/tables') await env.DB.batch(TABLES.map((sql) => env.DB.prepare(sql)))
    else if (pathname === '/plain-batch') await plainBatch(await request.text(), env)
    else if (pathname === '/own-batch') await ownBatch(await request.text(), env)
    else await threeWrites(await request.text(), env)
    return new Response('ok')
  },
} satisfies ExportedHandler<Env>
