/**
 * A Worker of your own that hears of every finished screenshot task. `handle` is your part: when it throws, the event comes
 * again later, and after a crash it is delivered again too. The rest is what a queue asks for.
 *
 * The queue delivers each event at least once, and two deliveries may run at the same time. So an event is claimed in
 * D1 before the work and marked done after it: one delivery wins the claim, and a crash loses nothing, since the claim
 * runs out. A mark made only before the work loses the event when the work fails; one made only after it lets both
 * deliveries work. KV can do neither: it has no "write if absent", and an edge may answer "absent" for a minute.
 */
import { snapshotEvent, type SnapshotEvent } from './event.ts'
import { Dead } from './dead.ts'
// What becomes of an event: './print.ts', './post.ts', './copy-to-r2.ts', or a file of your own.
import { handle, type Settings } from './print.ts'

type Env = Settings & { DB: D1Database; DEAD: Queue }

/** How long a claim holds when its Worker dies at work: longer than `handle` ever takes. */
const CLAIM_MS = 120_000
const FIRST_RETRY_SECONDS = 10
const LONGEST_RETRY_SECONDS = 3_600
const DEAD_QUEUE = 'zego-snapshots-events-dead'

/** `busy_until` is in milliseconds, and null once the event is done. Rows stay: a republished event keeps its id. */
const TABLES = [
  'CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, busy_until INTEGER) WITHOUT ROWID',
  'CREATE TABLE IF NOT EXISTS dead (id TEXT PRIMARY KEY, died_at TEXT NOT NULL, body TEXT NOT NULL)',
]
const CLAIM = `INSERT INTO seen (id, busy_until) VALUES (?1, ?2)
  ON CONFLICT (id) DO UPDATE SET busy_until = ?2 WHERE busy_until <= ?3 RETURNING id`

export default {
  async queue(batch, env) {
    await env.DB.batch(TABLES.map((table) => env.DB.prepare(table)))
    const take = batch.queue === DEAD_QUEUE ? keepDead : consume
    await Promise.all(batch.messages.map((message) => ackOrRetry(message, take(message, env))))
  },
} satisfies ExportedHandler<Env>

/** Each message stands for itself: one that fails brings none of the others back. */
async function ackOrRetry(message: Message, work: Promise<void>) {
  try {
    await work
    message.ack()
  } catch (error) {
    const delaySeconds = Math.min(FIRST_RETRY_SECONDS * 2 ** (message.attempts - 1), LONGEST_RETRY_SECONDS)
    console.error(
      `message ${message.id}, attempt ${message.attempts}, is retried in ${delaySeconds} s: ${String(error)}`,
    )
    message.retry({ delaySeconds })
  }
}

async function consume(message: Message, env: Env) {
  const event = snapshotEvent.safeParse(message.body)
  try {
    if (!event.success) throw new Dead(`message ${message.id} is no event`)
    await handleOnce(event.data, env)
  } catch (error) {
    if (!(error instanceof Dead)) throw error
    console.error(`${event.data?.subject ?? 'unreadable'} is given up: ${error.message}`)
    await env.DEAD.send(message.body)
  }
}

async function handleOnce(event: SnapshotEvent, env: Env) {
  const busyUntil = Date.now() + CLAIM_MS
  if (!(await claim(event.id, busyUntil, env))) return
  try {
    await handle(event, env)
  } catch (error) {
    await env.DB.prepare('DELETE FROM seen WHERE id = ?1 AND busy_until = ?2').bind(event.id, busyUntil).run()
    throw error
  }
  await env.DB.prepare('UPDATE seen SET busy_until = NULL WHERE id = ?1').bind(event.id).run()
}

/** True: ours to do. False: done already. Throws while another delivery of the event is at work. */
async function claim(id: string, busyUntil: number, env: Env) {
  if (await env.DB.prepare(CLAIM).bind(id, busyUntil, Date.now()).first()) return true
  const done = await env.DB.prepare('SELECT 1 FROM seen WHERE id = ?1 AND busy_until IS NULL').bind(id).first()
  if (!done) throw new Error('another delivery of this event is at work')
  return false
}

/** Out of retries, or no event at all: kept, for someone to look at. */
async function keepDead(message: Message, env: Env) {
  const body = JSON.stringify(message.body)
  const insert = 'INSERT INTO dead (id, died_at, body) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING'
  await env.DB.prepare(insert).bind(message.id, new Date().toISOString(), body).run()
  console.error(`dead letter ${message.id} kept in table dead: ${body.slice(0, 200)}`)
}
