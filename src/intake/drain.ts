/** What waits in INTAKE and in ASIDE goes into D1, in the order in which it was received. None of it ever ends in nothing. */
import { withDeadline } from '../deadline.ts'
import { log, messageOf } from '../log.ts'
import { type Env, limitsOf, type Settings } from '../settings.ts'
import { noteAside, notePoisonFound } from '../store/state.ts'
import {
  ASIDE_DEADLINE_MS,
  type BufferedCallback,
  isBuffered,
  isJob,
  POISON,
  type Prefix,
  putInAside,
  settleBuffered,
  settleWaiting,
  type Waiting,
  WAITING,
} from './buffer.ts'

const FIRST_RETRY_SECONDS = 10
const LONGEST_RETRY_SECONDS = 3_600
/** Then it waits in ASIDE: a free queue forgets after 24 h, and any queue after its last retry. */
const MOST_ATTEMPTS = 10
const LONGEST_STAY_MS = 12 * 3_600_000

/** Settles as many messages as an invocation may; the others come again at once. */
export async function settleMessages(
  messages: readonly Message<BufferedCallback>[],
  env: Env,
  settings: Settings,
  now: number,
): Promise<void> {
  const inOrder = messages.toSorted((a, b) => a.body.received_at - b.body.received_at)
  const most = limitsOf(settings).buffered
  for (const message of inOrder.slice(most)) message.retry()
  const waiting = inOrder.slice(0, most).map((message) => waitingIn(message, env, now))
  await settleWaiting(waiting, env, settings, now)
}

function waitingIn(message: Message<BufferedCallback>, env: Env, now: number): Waiting {
  const { attempts, body } = message
  const isOld = attempts >= MOST_ATTEMPTS || now - body.received_at >= LONGEST_STAY_MS
  const place = placeOf(message)
  return {
    settle: () => settleBuffered(body, env.DB),
    settled: place.remove,
    refused: () => moveToAside(body, POISON, place, env, now),
    postponed: isOld ? () => moveToAside(body, WAITING, place, env, now) : place.stay,
  }
}

/** A message that nobody understands goes where it is counted and shown. */
export async function keepUnreadable(message: Message, env: Env, now: number): Promise<void> {
  const { attempts, body } = message
  log('error', 'intake.unreadable', { attempts })
  const value = typeof body === 'object' && body !== null ? body : { unreadable: body }
  await moveToAside(value, POISON, placeOf(message), env, now)
}

/** Where a callback waits: a message of INTAKE, or a key of ASIDE. */
type Place = { remove: () => Promise<void>; stay: () => Promise<void> }

function placeOf(message: Message): Place {
  const delaySeconds = Math.min(FIRST_RETRY_SECONDS * 2 ** (message.attempts - 1), LONGEST_RETRY_SECONDS)
  return { remove: async () => message.ack(), stay: async () => message.retry({ delaySeconds }) }
}

/** Where KV fails, it stays where it is for the next run, and holds no other one back. */
async function orStay<Value>(work: () => Promise<Value>, { stay }: Place): Promise<Value | null> {
  try {
    return await work()
  } catch (error) {
    log('error', 'buffer.failed', { store: 'aside', why: messageOf(error) })
    await stay()
    return null
  }
}

async function moveToAside(value: object, prefix: Prefix, place: Place, env: Env, now: number): Promise<void> {
  const move = async () => {
    await putInAside(prefix, value, env.ASIDE)
    await place.remove()
    return true
  }
  const isMoved = await orStay(move, place)
  if (isMoved && prefix === POISON) await notePoison(env.DB, now)
}

/** How many there are, the hourly run through them tells. */
async function notePoison(db: D1Database, now: number): Promise<void> {
  try {
    await notePoisonFound(db, now)
  } catch (error) {
    log('warn', 'aside.unnoted', { why: messageOf(error) })
  }
}

/**
 * The keys of ASIDE that are still to be tried in this run, so that none holds up those behind it. The thousand keys of a
 * list, of 70 characters each, fit a message.
 */
export type DrainRun = {
  prefix: Prefix
  keys: string[]
  /** Where KV's list goes on behind the keys. */
  cursor?: string | undefined
  /** How many were tried, and stay. */
  stayed: number
}

/** A slice ends with the body that exceeds this: memory holds several times as much. */
const MOST_CHARACTERS = 10_000_000

/** The first thousand keys. Throws when KV does not list in time. */
export async function beginDrain(prefix: Prefix, aside: KVNamespace, cursor?: string): Promise<DrainRun> {
  const list = await inTime(aside.list({ prefix, ...(cursor !== undefined && { cursor }) }))
  const keys = list.keys.map(({ name }) => name)
  return { prefix, keys, cursor: list.list_complete ? undefined : list.cursor, stayed: 0 }
}

/**
 * Settles a slice of a run; what is left of the run, or `undefined` when nothing is, or D1 is down: the next run begins
 * with what stays. What D1 refuses, or nobody can read, is moved out of the way of the others.
 */
export async function drain(run: DrainRun, env: Env, settings: Settings, now: number): Promise<DrainRun | undefined> {
  const { prefix, cursor, stayed } = run
  const page = run.keys.length > 0 || cursor === undefined ? run : await beginDrain(prefix, env.ASIDE, cursor)
  const slice: Slice = { prefix, keys: page.keys.slice(0, limitsOf(settings).buffered), tried: 0, stayed }
  const isDown = await settleWaiting(readInTurn(slice, env, now), env, settings, now)
  const left: DrainRun = { ...page, keys: page.keys.slice(slice.tried), stayed: slice.stayed }
  const count = left.keys.length + left.stayed
  await noteAside(env.DB, prefix === WAITING ? { waiting: count } : { poison: count }, now)
  return isDown || (left.keys.length === 0 && left.cursor === undefined) ? undefined : left
}

type Slice = { prefix: Prefix; keys: readonly string[]; tried: number; stayed: number }

async function* readInTurn(slice: Slice, env: Env, now: number): AsyncGenerator<Waiting> {
  let characters = 0
  for (const key of slice.keys) {
    if (characters > MOST_CHARACTERS) return
    slice.tried += 1
    const stay = async () => void (slice.stayed += 1)
    const place: Place = { remove: () => inTime(env.ASIDE.delete(key)), stay }
    const remove = async () => void (await orStay(place.remove, place))
    const moveAway = (value: object) => (slice.prefix === POISON ? stay() : moveToAside(value, POISON, place, env, now))
    const text = await orStay(() => inTime(env.ASIDE.get(key)), place)
    if (text === null) continue // KV's lists lag behind
    characters += text.length
    const value = jsonIn(text)
    const settle = async () => settleBuffered(value as BufferedCallback, env.DB)
    if (isBuffered(value)) yield { settle, settled: remove, refused: () => moveAway(value), postponed: stay }
    // A version that did not know it took it for poison.
    else if (isJob(value)) await remove()
    else await moveAway({ unreadable: text })
  }
}

/** `undefined` where it is no JSON. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function inTime<Value>(work: Promise<Value>): Promise<Value> {
  return withDeadline(work, ASIDE_DEADLINE_MS, 'ASIDE')
}
