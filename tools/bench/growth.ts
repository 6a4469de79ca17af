/** What each request costs with much stored, beside nothing stored: no query may grow with the number of snapshots. */
import { type Figure, inRounds, mediansOf, ROUNDS } from './figure.ts'
import { bodies, byTurns, getting, type Operation, posting, type Server, startServer } from './server.ts'

const STORED = 200_000
const TIMES_A_ROUND = 40
/** D1 limits how long a statement may take. */
const AT_ONCE = 10_000

export async function growthFigures(): Promise<Figure[]> {
  const servers = await Promise.all([startServer('src/worker.ts'), startServer('src/worker.ts')])
  try {
    for (const { callbackUrl } of servers) await posting(callbackUrl, bodies(1))() // it makes the schema
    await fill(servers[0].db, STORED)
    await fill(servers[1].db, 1)
    const figures: Figure[] = []
    for (const [name, operationOf] of Object.entries(operations)) {
      const each = servers.map(operationOf)
      await byTurns(each, 10) // to be warm
      const measured = await inRounds(async () => mediansOf(await byTurns(each, TIMES_A_ROUND)))
      const title = `${name}, ${STORED.toLocaleString('en')} stored : none`
      figures.push({ name: title, unit: 'ms', rounds: measured, target: { atMost: 1.1 } })
    }
    return figures
  } finally {
    await Promise.all(servers.map(({ stop }) => stop()))
  }
}

const reading = (path: string) => (server: Server) => getting(new URL(path, server.url))

const operations: Record<string, (server: Server) => Operation> = {
  'a callback': (server) => posting(server.callbackUrl, bodies(ROUNDS * TIMES_A_ROUND + 20)),
  'a get': reading('/v1/snapshots/bench-0'),
  'a list of 20': reading('/v1/snapshots'),
  'a list of 20 failed': reading('/v1/snapshots?status=failed'),
  'a status': reading('/v1/status'),
}

const NUMBERS = 'WITH RECURSIVE numbers (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2)'

/** ?3 is the time of the newest, in milliseconds: one a second before it. */
const RECORDS = `${NUMBERS}
  INSERT INTO snapshots (place, task_id, status, record)
  SELECT (?3 - n * 1000) * 1000, format('bench-%d', n), 'completed', json_object('task_id', format('bench-%d', n), 'status', 'completed',
    'appid', '12345', 'vendor', 'tencent', 'snapshot_pic_list', json_array(json_object('url', hex(randomblob(100)))),
    'via', 'callback', 'received_at', '2026-01-01T00:00:00.000Z')
  FROM numbers`

const LEDGER = `${NUMBERS}
  INSERT INTO ledger (signature, content, seen_at, latest_claim)
  SELECT lower(hex(randomblob(20))), lower(hex(randomblob(32))), ?3 - n * 1000, ?3 - n * 1000 FROM numbers`

async function fill(db: D1Database, count: number): Promise<void> {
  const newest = Date.now() - 60_000
  for (let from = 0; from < count; from += AT_ONCE) {
    const to = Math.min(count, from + AT_ONCE)
    await db.batch([RECORDS, LEDGER].map((sql) => db.prepare(sql).bind(from, to, newest)))
  }
}
