/** What waits in ASIDE goes into D1, in the order in which it was received. */
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import { publish } from '../publish/publish.ts'
import { type Env, limitsOf, type Settings } from '../settings.ts'
import type { Publication } from '../store/outbox.ts'
import { noteAside } from '../store/state.ts'
import { canAskOf } from '../zego/config.ts'
import {
  ASIDE_DEADLINE_MS,
  type BufferedCallback,
  bufferHint,
  isBuffered,
  MOST_REFUSALS,
  POISON,
  putInAside,
  settleOne,
  WAITING,
} from './buffer.ts'

const MOST_KEYS = 1_000

/** Keys that KV still lists, and that are gone or cannot be read, cost a read each. */
const READS_A_CALLBACK = 3

type Outcome = 'settled' | 'gone' | 'moved' | 'stays' | 'outage'

/** Where a slice has ended: the next one goes on behind it, so that no key holds up those behind it. */
export type DrainResult = { after: string } | undefined

/**
 * Settles a slice behind the key `after`; where to go on, or `undefined` when there is no more that can be settled now.
 * What D1 keeps refusing, or nobody can read, is moved out of the way of the others. Throws when KV does not list.
 */
export async function drain(
  env: Env,
  settings: Settings,
  from: typeof WAITING | typeof POISON,
  after: string,
  now: number,
): Promise<DrainResult> {
  const [waiting, poison] = await Promise.all([keysOf(WAITING, env.ASIDE), keysOf(POISON, env.ASIDE)])
  const keys = (from === WAITING ? waiting : poison).filter((key) => key > after)
  const most = limitsOf(settings).buffered
  const publications: Publication[] = []
  const outcomes: Outcome[] = []
  for (const key of keys.slice(0, most * READS_A_CALLBACK)) {
    const outcome = await drainOne(key, env, settings, publications)
    outcomes.push(outcome)
    if (outcome === 'outage' || outcomes.filter((one) => one !== 'gone').length === most) break
  }
  await publish(publications, env, settings, now)
  if (outcomes.at(-1) === 'outage') {
    bufferHint.used = true // look again in a minute, not in ten
    return undefined
  }
  const moved = outcomes.filter((outcome) => outcome === 'moved').length
  const left = outcomes.filter((outcome) => outcome !== 'stays').length
  const waits = waiting.length - (from === WAITING ? left : 0)
  await noteAside(env.DB, { waiting: waits, poison: poison.length + moved - (from === POISON ? left : 0) }, now)
  return outcomes.length < keys.length ? { after: keys[outcomes.length - 1]! } : undefined
}

/** What goes wrong with one key is logged, and holds no other one back. */
async function drainOne(key: string, env: Env, settings: Settings, publications: Publication[]): Promise<Outcome> {
  const { ASIDE, DB } = env
  try {
    const text = await inTime(ASIDE.get(key))
    if (text === null) return 'gone' // KV's lists lag behind
    const callback = bufferedIn(text)
    if (callback === undefined) return await moveAway(key, { unreadable: text }, ASIDE)
    const settled = await settleOne(callback, canAskOf(settings), DB)
    if (settled.status === 'settled') {
      await inTime(ASIDE.delete(key))
      if (settled.publication) publications.push(settled.publication)
      return 'settled'
    }
    log(settled.status === 'outage' ? 'warn' : 'error', 'aside.unsettled', { status: settled.status, why: settled.why })
    return settled.status === 'outage' ? 'outage' : await refuse(key, callback, ASIDE)
  } catch (error) {
    log('error', 'aside.unread', { key, why: messageOf(error) })
    return 'stays'
  }
}

function bufferedIn(text: string): BufferedCallback | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isBuffered(value) ? value : undefined
  } catch {
    return undefined
  }
}

async function refuse(key: string, callback: BufferedCallback, aside: KVNamespace): Promise<Outcome> {
  const refused = { ...callback, refusals: (callback.refusals ?? 0) + 1 }
  if (refused.refusals >= MOST_REFUSALS) return moveAway(key, refused, aside)
  await inTime(aside.put(key, JSON.stringify(refused)))
  return 'stays'
}

/** What is poison already stays where it is. */
async function moveAway(key: string, value: object, aside: KVNamespace): Promise<Outcome> {
  if (key.startsWith(POISON)) return 'stays'
  await putInAside(POISON, value, aside)
  await inTime(aside.delete(key))
  return 'moved'
}

async function keysOf(prefix: string, aside: KVNamespace): Promise<string[]> {
  const list = await inTime(aside.list({ prefix, limit: MOST_KEYS }))
  return list.keys.map(({ name }) => name)
}

async function inTime<Value>(work: Promise<Value>): Promise<Value> {
  return withDeadline(work, ASIDE_DEADLINE_MS, 'ASIDE')
}
