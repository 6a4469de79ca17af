/** Snapshots that are there already, made in SQL. */

/** Stored in any case. */
export const TASK = 'bench-task'
/** D1 limits how long a statement may take. */
const AT_ONCE = 10_000

const NUMBERS = 'WITH RECURSIVE numbers (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2)'

/** ?3 is the time of the newest, in milliseconds: one a second before it. */
const RECORDS = `${NUMBERS}
  INSERT INTO snapshots (place, task_id, status, content, delivery, via, record, kv_due, event_due, unpublished_since)
  SELECT (?3 - n * 1000) * 1000, task_id, 'completed', lower(hex(randomblob(32))), lower(hex(randomblob(16))), 'callback',
    json_object('task_id', task_id, 'status', 'completed', 'appid', '12345', 'vendor', 'tencent',
      'snapshot_pic_list', json_array(
        json_object('url', 'http://pictures.example/' || task_id || '/0.jpg?sign=a%2Bb%3D%3D&t=1', 'offset', 0),
        json_object('url', 'http://pictures.example/' || task_id || '/1.jpg?sign=a%2Bb%3D%3D&t=1', 'offset', 2500.5)),
      'via', 'callback', 'signed_at', '2026-01-01T00:00:00.000Z', 'received_at', '2026-01-01T00:00:00.000Z'),
    ?4, ?4, ?4
  FROM (SELECT n, CASE n WHEN 0 THEN '${TASK}' ELSE '1500030200-procedurev2-' || lower(hex(randomblob(16))) END AS task_id
    FROM numbers)`

const LEDGER = `${NUMBERS}
  INSERT INTO ledger (signature, content, seen_at, latest_claim)
  SELECT lower(hex(randomblob(20))), lower(hex(randomblob(32))), ?3 - n * 1000, ?3 - n * 1000 FROM numbers`

/** @param due when they are to be published, in milliseconds; null: they are published */
export async function fill(db: D1Database, count: number, due: number | null = null): Promise<void> {
  const newest = Date.now() - 60_000
  for (let from = 0; from < Math.max(1, count); from += AT_ONCE) {
    const to = Math.max(1, Math.min(count, from + AT_ONCE))
    await db.batch([db.prepare(RECORDS).bind(from, to, newest, due), db.prepare(LEDGER).bind(from, to, newest)])
  }
}
