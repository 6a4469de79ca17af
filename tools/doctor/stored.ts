/** What becomes of an accepted callback: read back, deleted. */
import { setTimeout as sleep } from 'node:timers/promises'
import { encode } from '../zegocloud/callback.ts'
import { membersOf, textIn } from '../lib/members.ts'
import { type Context, quote, read } from './context.ts'
import { note, type Result, skipped, well, wrong } from './result.ts'

const POLL_MS = 400

/** The body is kept as it arrived, so whatever changes bodies on the way shows here. */
export async function checkReading(context: Context): Promise<Result> {
  const { taken, canRead } = context
  if (!canRead || !taken) return skipped('Nothing can be read: see above.')
  const reply = await read(context, entryPath(taken.id))
  if (reply.status !== 200) return wrong(`The accepted callback cannot be read: ${quote(reply, context)}`)
  const sent = new TextDecoder().decode(encode(taken.callback, 'json').bytes)
  if (textIn(reply.json, 'body') === sent)
    return well('The accepted callback can be read over HTTP exactly as it was sent.')
  const remedy = 'Look for a proxy, a Worker on the same route, or a rule that rewrites.'
  return wrong('What was read back is not what was sent: something on the way changes bodies.', remedy)
}

const entryPath = (id: string) => `/v1/quarantine/${encodeURIComponent(id)}`

/** Deletes what the test callbacks left in the quarantine. The ledger keeps their signatures, as it should. */
export async function cleanUp(context: Context): Promise<Result> {
  const { left, callback, canRead } = context
  const reasons = [...left].join(', ')
  if (left.size === 0) return well('Nothing is left.')
  if (!canRead)
    return skipped(
      `Without an API token these stay in the quarantine, for 30 days: ${reasons}. Task: ${callback.task_id}`,
    )
  const found = await findLeft(context)
  for (const id of found.keys()) {
    const { status } = await read(context, entryPath(id), 'DELETE')
    if (status !== 204) return wrong(`${id} could not be deleted.`, 'It leaves the quarantine by itself after 30 days.')
  }
  const evidence = `What was left in the quarantine is deleted: ${found.size}.`
  const isAll = [...left].every((reason) => [...found.values()].includes(reason))
  return isAll ? well(evidence) : note(`${evidence} More may come as ${reasons}, of the task ${callback.task_id}.`)
}

/** The ids and reasons of everything of this task. What was refused is kept after the answer, so it may take a moment. */
async function findLeft(context: Context): Promise<Map<string, string>> {
  const { left, callback, patienceMs } = context
  const until = Date.now() + patienceMs
  for (;;) {
    const { json } = await read(context, `/v1/quarantine?limit=100&task_id=${callback.task_id}`)
    const items: unknown[] = Array.isArray(json['items']) ? json['items'] : []
    const ours = items.map(membersOf).filter(({ task_id }) => task_id === callback.task_id)
    const found = new Map(ours.map(({ id, reason }) => [String(id), String(reason)]))
    const reasons = new Set(found.values())
    if ([...left].every((reason) => reasons.has(reason)) || Date.now() > until) return found
    await sleep(POLL_MS)
  }
}
