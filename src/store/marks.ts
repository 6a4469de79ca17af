/**
 * Acknowledging publications: what each target has now, written on the rows they came from.
 *
 * Purpose: in a rush, to ask D1 once for the publications of many requests. A write of D1 takes about as long for
 * thirty rows as for one, and an isolate's writes wait for each other.
 * How: each request leaves its results in `gathered`, which is plain data. The first one waits a tenth of a second and
 * writes them all. No promise is shared between requests: the runtime cancels what one request does for another.
 * Trade-off: a request may end before its result is written. If the one that waits dies, the rows are due again a
 * minute later, and their events are sent once more under the same id.
 */
import { onDatabase } from './database.ts'

/** What became of a publication: for each target tried, when it is due again, or `null` when it has the record. */
export type PublishResult = {
  task_id: string
  writeId: string
  kvDue?: number | null
  eventDue?: number | null
  /** Why KV will never take it, in KV's words. */
  kvRefused?: string
  /** When the value in KV expires by itself, in milliseconds. */
  kvUntil?: number
}

const gathered: PublishResult[] = []
/** Until when the others rely on the request that waits, in milliseconds. */
let awaitedUntil = 0
const GATHER_MS = 100
const TAKEN_OVER_MS = 1_000
/** With what else a request does, fewer than the 50 queries that an invocation of the free plan has. */
const MOST_TOGETHER = 30
/** While D1 is down: rows whose result is dropped are due again anyway. */
const MOST_GATHERED = 1_000

/**
 * KV may hold what was published although the row holds another write by now: then KV is due again, with the row's own.
 * ?3 and ?5 tell whether KV and the queue were tried, ?9 is now.
 */
const MARK = `
  UPDATE snapshots SET
    kv_due = CASE WHEN NOT ?3 THEN kv_due WHEN delivery IS ?2 THEN ?4 ELSE ?9 END,
    unpublished_since = CASE WHEN ?3 AND delivery IS NOT ?2 THEN ?9 ELSE unpublished_since END,
    kv_refused = CASE WHEN ?3 AND delivery IS ?2 THEN ?7 ELSE kv_refused END,
    kv_until = CASE WHEN ?3 AND delivery IS ?2 THEN ?8 ELSE kv_until END,
    event_due = CASE WHEN ?5 AND delivery IS ?2 THEN ?6 ELSE event_due END
  WHERE task_id = ?1 AND status <> 'pending'
  RETURNING task_id`

/**
 * Writes results together with those of other requests, and tells which tasks have no row any more though KV may hold
 * their record: of all that this request wrote. Throws what D1 threw; the results are then written with the next ones.
 */
export async function markPublished(db: D1Database, results: readonly PublishResult[]): Promise<string[]> {
  gathered.push(...results)
  const now = Date.now()
  if (now < awaitedUntil) return []
  awaitedUntil = now + TAKEN_OVER_MS
  await scheduler.wait(GATHER_MS)
  awaitedUntil = 0
  return writeAll(db, gathered.splice(0))
}

async function writeAll(db: D1Database, results: PublishResult[]): Promise<string[]> {
  const gone: string[] = []
  while (results.length > 0) {
    const some = results.slice(0, MOST_TOGETHER)
    try {
      gone.push(...(await write(db, some)))
    } catch (error) {
      gathered.unshift(...results.slice(0, MOST_GATHERED - gathered.length))
      throw error
    }
    results.splice(0, MOST_TOGETHER)
  }
  return gone
}

async function write(db: D1Database, results: readonly PublishResult[]): Promise<string[]> {
  const now = Date.now()
  const statements = results.map(({ task_id, writeId, kvDue, eventDue, kvRefused, kvUntil }) => {
    const tried = [kvDue, eventDue].flatMap((due) => [due === undefined ? 0 : 1, due ?? null])
    return db.prepare(MARK).bind(task_id, writeId, ...tried, kvRefused ?? null, kvUntil ?? null, now)
  })
  const rows = await onDatabase(db, () => db.batch(statements))
  const isGone = (index: number) => rows[index]!.results.length === 0 && results[index]!.kvDue !== undefined
  return results.filter((_, index) => isGone(index)).map(({ task_id }) => task_id)
}
