/** Finished records to KV and to the queue, in parallel and independently of each other, then the outbox's mark. */
import { withDeadline } from '../deadline.ts'
import type { CompletedRecord, FailedRecord } from '../event.ts'
import { log, messageOf } from '../log.ts'
import type { Env } from '../settings.ts'
import { dueAgain, type PublishResult, markPublished, type Publication } from '../store/outbox.ts'
import { eventOf } from './cloudevent.ts'

export type Targets = Pick<Env, 'DB' | 'RESULTS' | 'EVENTS'>

/** `waitUntil` ends 30 s after the answer: a target that hangs must leave time for the mark. */
const TARGET_DEADLINE_MS = 10_000
const SECONDS_A_DAY = 86_400
const MS_A_DAY = SECONDS_A_DAY * 1000
const KV_SHORTEST_TTL_SECONDS = 60

/**
 * Publishes what each target misses, and tells whether all went well. Never throws: what fails is due again later.
 * @param retentionDays how long KV keeps a value after `received_at`; 0 for ever
 */
export async function publish(
  publications: readonly Publication[],
  targets: Targets,
  retentionDays: number,
  now: number,
): Promise<boolean> {
  const marks = await Promise.all(
    publications.map((publication) => publishOne(publication, targets, retentionDays, now)),
  )
  try {
    await markPublished(targets.DB, marks)
    return marks.every(({ kvDue, eventDue }) => !kvDue && !eventDue)
  } catch (error) {
    log('warn', 'publish.unmarked', { tasks: marks.length, why: messageOf(error) }) // they are published again
    return false
  }
}

async function publishOne(
  publication: Publication,
  { RESULTS, EVENTS }: Targets,
  retentionDays: number,
  now: number,
): Promise<PublishResult> {
  const { task_id, content, record, since } = publication
  const [kv, event] = await Promise.all([
    publication.kv ? attempt(putRecord(RESULTS, record, retentionDays, now)) : undefined,
    publication.event ? attempt(sendEvent(EVENTS, record, content)) : undefined,
  ])
  const again = dueAgain(since, now)
  const marked: PublishResult = { task_id, content }
  if (kv) Object.assign(marked, kvMark(kv.failure, again, now))
  if (event) marked.eventDue = event.failure === undefined ? null : again
  for (const [target, outcome] of Object.entries({ kv, event })) {
    if (outcome?.failure !== undefined) log('warn', 'publish.failed', { task_id, target, why: outcome.failure })
  }
  return marked
}

async function attempt(work: Promise<unknown>): Promise<{ failure?: string }> {
  try {
    await withDeadline(work, TARGET_DEADLINE_MS, 'it')
    return {}
  } catch (error) {
    return { failure: messageOf(error) }
  }
}

/** KV's own words tell a day's limit, and a value it will never take, from what passes. */
function kvMark(failure: string | undefined, again: number, now: number): Pick<PublishResult, 'kvDue' | 'kvRefused'> {
  if (failure === undefined) return { kvDue: null }
  if (/limit exceeded for the day/i.test(failure)) return { kvDue: nextMidnight(now) }
  if (/KV PUT failed: 4(?!08|29)\d\d/.test(failure)) return { kvDue: null, kvRefused: failure }
  return { kvDue: again }
}

/** When the free plan's daily limits begin anew, in UTC. */
function nextMidnight(now: number): number {
  return (Math.floor(now / MS_A_DAY) + 1) * MS_A_DAY
}

async function sendEvent(queue: Env['EVENTS'], record: Publication['record'], content: string): Promise<void> {
  await queue.send(await eventOf(record, content), { contentType: 'json' })
}

async function putRecord(
  results: KVNamespace,
  record: CompletedRecord | FailedRecord,
  retentionDays: number,
  now: number,
): Promise<void> {
  const expiration = Date.parse(record.received_at) / 1000 + retentionDays * SECONDS_A_DAY
  if (retentionDays > 0 && expiration < now / 1000 + KV_SHORTEST_TTL_SECONDS) return // it would be gone at once
  const pictures = record.status === 'completed' ? record.snapshot_pic_list.length : 0
  await results.put(record.task_id, JSON.stringify(record), {
    metadata: { status: record.status, vendor: record.vendor, pictures },
    ...(retentionDays > 0 && { expiration: Math.ceil(expiration) }),
  })
}
