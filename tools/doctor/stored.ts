/** What becomes of an accepted callback: recognized when it is repeated, read back, published, deleted. */
import { setTimeout as sleep } from 'node:timers/promises'
import { encode, encodings, stamp, type Callback } from '../zegocloud/callback.ts'
import { membersOf, textIn, wordIn } from '../lib/members.ts'
import { type Context, idOf, quote, read, request, send, stampFor } from './context.ts'
import { obstacleOf, type Reply } from './obstacle.ts'
import { DEPLOY, note, type Result, skipped, TAIL, well, wrong } from './result.ts'
import { NO_TOKEN } from './reach.ts'

const OUTDATED = ['Deploy the current version:', DEPLOY] as const
const LOOK_AGAIN_MS = 400

const NOTHING_TAKEN = skipped('No test callback was accepted.')

export async function checkRepeat(context: Context): Promise<Result> {
  if (!context.taken) return NOTHING_TAKEN
  const { callback, id } = context.taken
  for (const repeat of [callback, { ...callback, ...stampFor(context) }]) {
    const reply = await send(context, repeat)
    if (idOf(reply) !== id) return different(context, reply, 'The same callback again')
  }
  return well('The same callback again, repeated and newly signed, is recognized as the same.')
}

/** As forms, percent-encoded, with numbers instead of texts; and with a timestamp in milliseconds. */
export async function checkEncodings(context: Context): Promise<Result> {
  if (!context.taken) return NOTHING_TAKEN
  const { callback, id } = context.taken
  for (const encoding of encodings) {
    const reply = await send(context, callback, encoding)
    if (idOf(reply) !== id) return different(context, reply, `The same callback, encoded as ${encoding},`)
  }
  const inMilliseconds = stamp(context.secret, Date.now() + context.ahead * 1000)
  const reply = await send(context, { ...callback, ...inMilliseconds })
  if (idOf(reply) !== id) return different(context, reply, 'The same callback with a timestamp in milliseconds')
  return well(`${encodings.length} encodings, and a timestamp in milliseconds, are read as the same.`)
}

/** Sends what a body becomes when it is decoded once too often, under the same signature. */
export async function checkSwap(context: Context): Promise<Result> {
  if (!context.taken) return NOTHING_TAKEN
  const reply = await send(context, decodedTwice(context.taken.callback))
  if (reply.status === 409 && wordIn(reply.json) === 'signature_reused') {
    return well('Another body under the same signature is refused: 409 signature_reused. No URL is decoded twice.')
  }
  const id = idOf(reply)
  if (id === undefined) return different(context, reply, 'Another body under the same signature')
  return id === context.taken.id
    ? wrong('A URL with %2B and one with + count as the same: bodies are decoded once too often.', ...OUTDATED)
    : wrong('Another body under the same signature was accepted: the ledger was not asked.', ...OUTDATED)
}

const decodedTwice = (callback: Callback): Callback => ({
  ...callback,
  snapshot_pic_list: callback.snapshot_pic_list.map(({ url, ...more }) => ({ ...more, url: decodeURIComponent(url) })),
})

function different(context: Context, reply: Reply, subject: string): Result {
  if (idOf(reply) !== undefined) return wrong(`${subject} counts as a different one.`, ...OUTDATED)
  return wrong(`${subject} was answered ${quote(reply, context)}`, 'The log says more:', TAIL)
}

/** The body is kept as it arrived, so whatever changes bodies on the way shows here. */
export async function checkReading(context: Context): Promise<Result> {
  const { taken, canRead, given } = context
  if (given.apiToken === undefined) return NO_TOKEN
  if (!canRead) return skipped('The API token does not open /v1.')
  if (!taken) return NOTHING_TAKEN
  const reply = await read(context, entryPath(taken.id))
  if (reply.status !== 200) return wrong(`The accepted callback cannot be read: ${quote(reply, context)}`)
  const sent = new TextDecoder().decode(encode(taken.callback, 'json').bytes)
  if (textIn(reply.json, 'body') === sent)
    return well('The accepted callback can be read over HTTP exactly as it was sent.')
  const remedy = 'Look for a proxy, a Worker on the same route, or a rule that rewrites.'
  return wrong('What was read back is not what was sent: something on the way changes bodies.', remedy)
}

const entryPath = (id: string) => `/v1/quarantine/${encodeURIComponent(id)}`

/** `--publish`: a real snapshot, all the way to KV and to the queue. Consumers see its event. */
export async function checkPublication(context: Context): Promise<Result> {
  if (!context.canRead) {
    const evidence = 'Not sent: without an API token it could not be checked or deleted.'
    return wrong(evidence, 'Set API_TOKEN, and run this again.')
  }
  if (!context.taken) return skipped('Not sent: no test callback was accepted.')
  const path = `/v1/snapshots/${encodeURIComponent(context.callback.task_id)}`
  const result = await publish(context, path).catch((error: unknown) => obstacleOf(error).result)
  const deleted = await read(context, path, 'DELETE').catch(obstacleOf)
  if (deleted.status === 204) return result
  const why = 'json' in deleted ? quote(deleted, context) : deleted.message
  return wrong(`${result.evidence} It could not be deleted: ${why}`, `DELETE ${path} does it.`)
}

/** The Worker waits this long for a record before it answers. */
const WAIT_SECONDS = 25

/** Without pictures, because a consumer that copies them would not find any. */
async function publish(context: Context, path: string): Promise<Result> {
  const callback = { ...context.callback, ...stampFor(context), event: 'snapshot', snapshot_pic_list: [] }
  const reply = await request(context, context.target.callbackUrl, { method: 'POST', body: encode(callback, 'json') })
  if (wordIn(reply.json) !== 'stored') return wrong(`The snapshot was answered ${quote(reply, context)}`)
  const record = await read(context, `${path}?wait=${WAIT_SECONDS}`, 'GET', WAIT_SECONDS * 1000)
  if (record.json['status'] !== 'completed') return wrong(`Its record was answered ${quote(record, context)}`)
  // It is published right after the answer; what fails is due again after a minute.
  const until = Date.now() + context.patienceMs
  for (;;) {
    const status = await read(context, '/v1/status')
    if (status.status !== 200) return wrong(`/v1/status was answered ${quote(status, context)}`)
    const { events, kv } = waiting(status)
    if (events + kv === 0) return well('The snapshot was stored and read back. KV has it, and the queue has its event.')
    if (Date.now() > until) return unpublished(events, kv)
    await sleep(LOOK_AGAIN_MS)
  }
}

/** How many records wait for each. A record without its event may lack KV as well. */
function waiting({ json }: Reply): { events: number; kv: number } {
  const { without_event, without_kv_only } = membersOf(json['unpublished'])
  return { events: Number(membersOf(without_event)['count']), kv: Number(membersOf(without_kv_only)['count']) }
}

function unpublished(events: number, kv: number): Result {
  const remedy = 'They are retried at growing intervals. The log says why:'
  if (events !== 0) return wrong(`${events} records wait for the queue; this one may be among them.`, remedy, TAIL)
  return note(`The queue has its event; ${kv} records wait for KV, and this one may be among them.`, remedy, TAIL)
}

/** Deletes what the test callbacks left in the quarantine. The ledger keeps their signatures, as it should. */
export async function cleanUp(context: Context): Promise<Result> {
  const { left, callback, canRead } = context
  if (left.ids.size === 0 && left.reasons.size === 0) return well('Nothing is left.')
  if (!canRead) {
    const ids = [...left.ids, ...[...left.reasons].map((reason) => `one as ${reason}`)].join(', ')
    return skipped(`Without an API token these stay in the quarantine, for 30 days: ${ids}. Task: ${callback.task_id}`)
  }
  const found = await findLeft(context)
  const ids = new Set([...found.keys(), ...left.ids])
  for (const id of ids) {
    const reply = await read(context, entryPath(id), 'DELETE').catch(obstacleOf)
    if (reply.status !== 204) {
      return wrong(`${id} could not be deleted.`, 'It leaves the quarantine by itself after 30 days.')
    }
  }
  const missing = [...left.reasons].filter((reason) => ![...found.values()].includes(reason))
  const evidence = `What was left in the quarantine is deleted: ${ids.size}.`
  if (missing.length === 0) return well(evidence)
  return note(`${evidence} More may come as ${missing.join(', ')}, of the task ${callback.task_id}.`)
}

/** The ids and reasons of everything of this task. What was refused is kept after the answer, so it may take a moment. */
async function findLeft(context: Context): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const until = Date.now() + context.patienceMs
  for (;;) {
    for (const { id, reason } of await newest(context)) found.set(String(id), String(reason))
    const reasons = new Set(found.values())
    if ([...context.left.reasons].every((reason) => reasons.has(reason)) || Date.now() > until) return found
    await sleep(LOOK_AGAIN_MS)
  }
}

/** What was kept in the last minute is on the first page, unless there is a flood. */
async function newest(context: Context): Promise<Record<string, unknown>[]> {
  const { json } = await read(context, '/v1/quarantine?limit=100')
  const items: unknown[] = Array.isArray(json['items']) ? json['items'] : []
  return items.map(membersOf).filter(({ task_id }) => task_id === context.callback.task_id)
}
