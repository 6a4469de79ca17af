/** Finished records to KV and to the queue, in parallel and independently of each other; then D1 is told. */
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import { type Env, limitsOf, readSettings, retentionDaysOf, type Settings } from '../settings.ts'
import { markPublished, type PublishResult } from '../store/marks.ts'
import { dueAgain, type Lane, type Publication, takeDue } from '../store/outbox.ts'
import { eventOf } from './cloudevent.ts'
import { forgetQuietly } from './forget.ts'
import { isDayUsedUp, isRefusedForGood, nextMidnight } from './kv-limits.ts'

export type Targets = Pick<Env, 'DB' | 'RESULTS' | 'EVENTS'>

/** `waitUntil` ends 30 s after the answer: a target that hangs must leave time to tell D1. */
const TARGET_DEADLINE_MS = 10_000
/** An invocation has six connections: the last of more would wait for one until its deadline. */
const MOST_AT_ONCE = 50
const MS_A_DAY = 86_400_000
const KV_SHORTEST_TTL_MS = 60_000

/**
 * Publishes what each target lacks, and tells whether any target took any of it. Never throws: what fails is due again later.
 * @param now in milliseconds
 */
export async function publish(
  publications: readonly Publication[],
  targets: Targets,
  settings: Settings,
  now: number,
): Promise<boolean> {
  if (publications.length === 0) return false
  const days = retentionDaysOf(settings)
  const results: PublishResult[] = []
  for (let done = 0; done < publications.length; done += MOST_AT_ONCE) {
    const some = publications.slice(done, done + MOST_AT_ONCE)
    results.push(...(await Promise.all(some.map((publication) => publishOne(publication, targets, days, now)))))
  }
  try {
    const gone = await markPublished(targets.DB, results)
    // Deleted while they were published: their value may have reached KV after it was deleted there.
    await Promise.all(gone.map((taskId) => forgetQuietly(taskId, targets, now)))
  } catch (error) {
    log('warn', 'publish.unmarked', { tasks: results.length, why: messageOf(error) })
    return false
  }
  return results.some(({ kvDue, eventDue }) => kvDue === null || eventDue === null)
}

async function publishOne(
  publication: Publication,
  { RESULTS, EVENTS }: Targets,
  retentionDays: number,
  now: number,
): Promise<PublishResult> {
  const { task_id, writeId, since } = publication
  const until = Date.parse(publication.record.received_at) + retentionDays * MS_A_DAY
  const kvUntil = retentionDays > 0 ? until : undefined
  const [kv, event] = await Promise.all([
    publication.kv ? failureOf(task_id, 'kv', putRecord(RESULTS, publication, kvUntil, now)) : undefined,
    publication.event ? failureOf(task_id, 'event', sendEvent(EVENTS, publication)) : undefined,
  ])
  const again = dueAgain(since, now)
  const result: PublishResult = { task_id, writeId, ...(kvUntil !== undefined && { kvUntil }) }
  if (kv !== undefined) Object.assign(result, kvResult(kv, again, now))
  if (event !== undefined) result.eventDue = event === '' ? null : again
  return result
}

/** Why it failed; empty if it did not. */
async function failureOf(task_id: string, target: string, work: Promise<unknown>): Promise<string> {
  try {
    await withDeadline(work, TARGET_DEADLINE_MS, 'it')
    return ''
  } catch (error) {
    const why = messageOf(error) || 'no reason was given'
    log('warn', 'publish.failed', { task_id, target, why })
    return why
  }
}

function kvResult(failure: string, again: number, now: number): Pick<PublishResult, 'kvDue' | 'kvRefused'> {
  if (failure === '') return { kvDue: null }
  if (isDayUsedUp(failure)) return { kvDue: nextMidnight(now) }
  return isRefusedForGood(failure) ? { kvDue: null, kvRefused: failure } : { kvDue: again }
}

async function sendEvent(queue: Env['EVENTS'], publication: Publication): Promise<void> {
  await queue.send(await eventOf(publication), { contentType: 'json' })
}

async function putRecord(results: KVNamespace, { record, text }: Publication, until: number | undefined, now: number) {
  if (until !== undefined && until < now + KV_SHORTEST_TTL_MS) return // it would be gone at once
  const pictures = record.status === 'completed' ? record.snapshot_pic_list.length : 0
  await results.put(record.task_id, text, {
    metadata: { status: record.status, vendor: record.vendor, pictures },
    ...(until !== undefined && { expiration: Math.ceil(until / 1000) }),
  })
}

/** However many events wait, what only KV lacks goes on. */
const KEPT_FOR_KV = 2

/**
 * Publishes a slice of what is due, because its own request could not, and tells in which lanes there may be more that can
 * be published now. A lane that fails holds up no other one.
 */
export async function sweep(env: Env, lanes: readonly Lane[], now: number): Promise<Lane[]> {
  const settings = readSettings(env)
  const most = limitsOf(settings).publications
  const publishDue = async (lane: Lane, limit: number) => {
    const publications = await takeDue(env.DB, lane, now, limit)
    const isWorking = await publish(publications, env, settings, now)
    if (publications.length > 0) log('info', 'sweep.published', { lane, tasks: publications.length })
    return { tasks: publications.length, goesOn: isWorking && publications.length === limit }
  }
  const events = lanes.includes('event') ? await publishDue('event', most - KEPT_FOR_KV) : { tasks: 0, goesOn: false }
  const more: Lane[] = events.goesOn ? ['event'] : []
  if (!lanes.includes('kv')) return more
  // A KV that refuses everything would refuse each of them, and rows would be written for it: the first one tells.
  const first = await publishDue('kv', 1)
  if (!first.goesOn) return more
  const others = await publishDue('kv', Math.max(1, most - events.tasks - 1))
  return others.goesOn ? [...more, 'kv'] : more
}
