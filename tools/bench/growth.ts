/** What each request costs with much stored, beside nothing stored: no query may grow with the number of snapshots. */
import { type Figure, inRounds, median, ROUNDS } from './figure.ts'
import { bodies, byTurns, type Operation, send, type Server, withServers } from './server.ts'

const STORED = 200_000
const TIMES_A_ROUND = 40
/** D1 limits how long a statement may take. */
const AT_ONCE = 10_000

export const growthFigures = () =>
  withServers(['src/worker.ts', 'src/worker.ts'], async (full, empty) => {
    for (const { callbackUrl } of [full, empty]) await send(callbackUrl, ...bodies(1)) // it makes the schema
    await fill(full.db, STORED)
    await fill(empty.db, 1)
    const figures: Figure[] = []
    for (const [name, operationOf] of Object.entries(operations)) {
      const both = [operationOf(full), operationOf(empty)]
      await byTurns(both, 10) // to be warm
      const rounds = await inRounds(async () => {
        const [ours, floor] = (await byTurns(both, TIMES_A_ROUND)).map(median) as [number, number]
        return { ours, floor }
      })
      const title = `${name}, ${STORED.toLocaleString('en')} stored : none`
      figures.push({ name: title, unit: 'ms', rounds })
    }
    return figures
  })

const reading =
  (path: string) =>
  ({ url }: Server): Operation =>
  (agent) =>
    send(new URL(path, url), undefined, agent)

function posting({ callbackUrl }: Server): Operation {
  const callbacks = bodies(ROUNDS * TIMES_A_ROUND + 20).values()
  return (agent) => send(callbackUrl, callbacks.next().value, agent)
}

const operations: Record<string, (server: Server) => Operation> = {
  'a callback': posting,
  'a list of 20': reading('/v1/snapshots'),
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
