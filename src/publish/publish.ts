/** Finished records to KV and to the queue, in parallel and independently of each other; then D1 is told. */
import { bytesOf, isWithin, sha256 } from '../callback/bytes.ts'
import { withDeadline } from '../deadline.ts'
import type { SnapshotEvent } from '../event.ts'
import { log, messageOf } from '../log.ts'
import { type Env, limitsOf, MS_A_DAY, readSettings, retentionDaysOf, type Settings } from '../settings.ts'
import { dueAgain, type Lane, markPublished, type Publication, type PublishResult, takeDue } from '../store/outbox.ts'

type Targets = Pick<Env, 'DB' | 'RESULTS' | 'EVENTS'>

/** `waitUntil` ends 30 s after the answer: a target that hangs must leave time to tell D1. */
const TARGET_DEADLINE_MS = 10_000
/** An invocation has six connections: the last of more would wait for one until its deadline. */
const MOST_AT_ONCE = 50
/** KV takes no value that ends sooner than in 60 s; the rest is for the way there and for another clock. */
const KV_SHORTEST_TTL_MS = 120_000
/** A queue takes 128 KB a message, with some overhead of its own. */
const EVENT_LIMIT_BYTES = 127_000

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
    const group = publications.slice(done, done + MOST_AT_ONCE)
    results.push(...(await Promise.all(group.map((publication) => publishOne(publication, targets, days, now)))))
  }
  try {
    await markPublished(targets.DB, results, now)
  } catch (error) {
    log('warn', 'publish.unmarked', { tasks: results.length, why: messageOf(error) })
    return false
  }
  return results.some(({ kv, event }) => kv?.due === null || event?.due === null)
}

async function publishOne(
  publication: Publication,
  { RESULTS, EVENTS }: Targets,
  retentionDays: number,
  now: number,
): Promise<PublishResult> {
  const { task_id, writeId, since, storedAt, kvDue, eventDue } = publication
  const until = retentionDays > 0 ? storedAt + retentionDays * MS_A_DAY : undefined
  const [kvFailure = '', eventFailure = ''] = await Promise.all([
    kvDue === null ? undefined : failureOf(task_id, 'kv', putRecord(RESULTS, publication, until)),
    eventDue === null ? undefined : failureOf(task_id, 'event', sendEvent(EVENTS, publication)),
  ])
  const again = dueAgain(since, now)
  return {
    task_id,
    writeId,
    ...(kvDue !== null && { kv: { taken: kvDue, until, ...kvResult(kvFailure, again, now) } }),
    ...(eventDue !== null && { event: { taken: eventDue, due: eventFailure === '' ? null : again } }),
  }
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

function kvResult(failure: string, again: number, now: number): { due: number | null; refused?: string } {
  if (failure === '') return { due: null }
  if (isDayUsedUp(failure)) return { due: nextMidnight(now) }
  return isRefusedForGood(failure) ? { due: null, refused: failure } : { due: again }
}

/** By the clock as it is, since a slow group may have gone before. */
async function putRecord(results: KVNamespace, { record, text }: Publication, until: number | undefined) {
  if (until !== undefined && until < Date.now() + KV_SHORTEST_TTL_MS) return // it would be gone at once
  const pictures = record.status === 'completed' ? record.snapshot_pic_list.length : 0
  await results.put(record.task_id, text, {
    metadata: { status: record.status, vendor: record.vendor, pictures },
    ...(until !== undefined && { expiration: Math.ceil(until / 1000) }),
  })
}

async function sendEvent(queue: Env['EVENTS'], publication: Publication): Promise<void> {
  await queue.send(await eventOf(publication), { contentType: 'json' })
}

/**
 * The CloudEvents 1.0 event that consumers get. The id is made of the task_id and the content, so it is the same for every
 * delivery of the same content.
 */
async function eventOf({ record, text, content }: Publication): Promise<SnapshotEvent> {
  const { task_id, appid, received_at } = record
  const envelope = {
    specversion: '1.0',
    id: await sha256(JSON.stringify([task_id, content])),
    source: `/zego/${encodeURIComponent(appid.toWellFormed())}`,
    subject: task_id,
    time: received_at,
    datacontenttype: 'application/json',
  } as const
  if (record.status === 'failed') return { ...envelope, type: 'com.zegocloud.snapshot.failed', data: record }

  const type = 'com.zegocloud.snapshot.completed'
  const room = EVENT_LIMIT_BYTES - bytesOf(JSON.stringify({ ...envelope, type, data: null })).length
  if (isWithin(room, text)) return { ...envelope, type, data: record }
  const { snapshot_pic_list, extra: _extra, ...rest } = record
  const dataref = `/v1/snapshots/${encodeURIComponent(task_id)}`
  return { ...envelope, type, dataref, data: { ...rest, pictures: snapshot_pic_list.length } }
}

/** KV's own words. The free plan has 1,000 writes and 1,000 deletes a day. */
export function isDayUsedUp(why: string): boolean {
  return /limit exceeded for the day/i.test(why)
}

/** When the free plan's daily limits begin again, in UTC. */
export function nextMidnight(now: number): number {
  return (Math.floor(now / MS_A_DAY) + 1) * MS_A_DAY
}

/**
 * Whether KV will never take this key or this value. Any other refusal is an outage: for 37 minutes in October 2023 KV
 * answered 401 to everyone.
 */
function isRefusedForGood(why: string): boolean {
  if (/KV PUT failed: (?:413|414)\b/.test(why)) return true
  return /KV PUT failed: 400\b/.test(why) && /\b(key|value|metadata|expiration)/i.test(why)
}

/**
 * Publishes a slice of what is due, because its own request could not, and tells in which lanes there may be more that can
 * be published now. At most half a slice is what only KV lacks: a target that is down holds up no other one.
 */
export async function sweep(env: Env, lanes: readonly Lane[], now: number): Promise<Lane[]> {
  const settings = readSettings(env)
  const slice = limitsOf(settings).publications
  const more: Lane[] = []
  let room = slice
  for (const lane of ['kv', 'event'] as const) {
    if (!lanes.includes(lane)) continue
    const limit = lane === 'kv' ? slice / 2 : room
    const publications = await takeDue(env.DB, lane, now, limit)
    room -= publications.length
    const isWorking = await publish(publications, env, settings, now)
    if (publications.length > 0) log('info', 'sweep.published', { lane, tasks: publications.length })
    if (isWorking && publications.length === limit) more.push(lane)
  }
  return more
}
