/** What waits in ASIDE goes into D1, in the order in which it was received. */
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import type { Env } from '../settings.ts'
import { isOutage } from '../store/database.ts'
import { noteAside } from '../store/state.ts'
import {
  ASIDE_DEADLINE_MS,
  bufferHint,
  MOST_REFUSALS,
  POISON,
  putInKv,
  type BufferedCallback,
  WAITING,
} from './buffer.ts'
import { settleBuffered } from './settle-aside.ts'

/** An invocation of the free plan has 50 subrequests: a callback takes up to four, and the minute's sweep its share. */
const SLICE = 5
const MOST_KEYS = 1_000

type Fate = 'settled' | 'parked' | 'refused' | 'd1 is down'

/**
 * Settles a slice, and tells whether there is more that can be settled now. What D1 keeps refusing is parked, out of
 * the way of the others. The sweep publishes what is stored here: it is due at once.
 */
export async function drain(env: Env, from: typeof WAITING | typeof POISON, now: number): Promise<boolean> {
  const [waiting, parked] = await Promise.all([keysOf(WAITING, env.ASIDE), keysOf(POISON, env.ASIDE)])
  const keys = from === WAITING ? waiting : parked
  const fates: Fate[] = []
  for (const key of keys.slice(0, SLICE)) {
    const fate = await drainOne(key, env)
    fates.push(fate)
    if (fate === 'd1 is down') {
      bufferHint.used = true // look again in a minute, not in ten
      return false
    }
  }
  const gone = fates.filter((fate) => fate === 'settled' || fate === 'parked').length
  const left = {
    waiting: waiting.length - (from === WAITING ? gone : 0),
    parked: parked.length - (from === POISON ? gone : 0) + fates.filter((fate) => fate === 'parked').length,
  }
  await noteAside(env.DB, left, now)
  return gone > 0 && gone < keys.length
}

async function drainOne(key: string, env: Env): Promise<Fate> {
  const { ASIDE, DB } = env
  const callback = await inTime(ASIDE.get<BufferedCallback>(key, 'json'))
  if (callback === null) return 'settled' // before; KV's lists lag behind
  try {
    await settleBuffered(callback, DB)
  } catch (error) {
    const outage = await isOutage(error, DB)
    log(outage ? 'warn' : 'error', 'aside.unsettled', { outage, why: messageOf(error) })
    return outage ? 'd1 is down' : refuse(key, callback, ASIDE)
  }
  await inTime(ASIDE.delete(key))
  return 'settled'
}

async function refuse(key: string, callback: BufferedCallback, aside: KVNamespace): Promise<Fate> {
  const refused = { ...callback, refusals: (callback.refusals ?? 0) + 1 }
  const parks = refused.refusals >= MOST_REFUSALS && !key.startsWith(POISON)
  await putInKv(parks ? POISON : key, refused, aside)
  if (parks) await inTime(aside.delete(key))
  return parks ? 'parked' : 'refused'
}

async function keysOf(prefix: string, aside: KVNamespace): Promise<string[]> {
  const list = await inTime(aside.list({ prefix, limit: MOST_KEYS }))
  return list.keys.map(({ name }) => name)
}

async function inTime<Value>(work: Promise<Value>): Promise<Value> {
  return withDeadline(work, ASIDE_DEADLINE_MS, 'ASIDE')
}
