/**
 * The entry of the Worker under rehearsal. It hands every call on to the built Worker, whose modules stand beside it
 * unchanged, with stores that fail as they are told to and a clock that can be put forward.
 */
import type { SnapshotEvent } from '../../src/event.ts'
import { POISON } from '../../src/intake/buffer.ts'
import type { IntakeMessage } from '../../src/jobs.ts'
import type { Env } from '../../src/settings.ts'
import { type Call, type Store, type Watch, watched } from '../lib/stores.ts'
import { ALL_WELL, type Commands, type Failing, HARNESS, type State, type Stored } from './commands.ts'

type Receiver = Required<Pick<ExportedHandler<Env, IntakeMessage>, 'fetch' | 'queue' | 'scheduled'>>

const INTAKE_QUEUE = 'zego-snapshots-intake'

let commands: Commands = { ...ALL_WELL, clock: { origin: 0, scale: 1, shift: 0 } }

/** The task of each event. */
const events: Record<string, string> = {}
let inIntake = 0
let calls = 0

/*
 * The Worker's clock and timers, so that an hour of its time can pass in a moment. Every deadline, delay and grace
 * period of the Worker is scaled alike, and with ZEGOCLOUD's schedule, so what comes before what stays the same.
 */

const realNow = Date.now.bind(Date)
const realSetTimeout = setTimeout

Date.now = () => {
  const { origin, scale, shift } = commands.clock
  return Math.floor(origin + (realNow() - origin) / scale + shift)
}
Object.assign(globalThis, {
  setTimeout: (callback: () => void, ms = 0) => realSetTimeout(callback, ms * commands.clock.scale),
})
Object.assign(scheduler, { wait: pause })

/** Waits that many milliseconds of the Worker's time. */
function pause(ms: number) {
  return new Promise<void>((resolve) => realSetTimeout(resolve, ms * commands.clock.scale))
}

/** Seconds of the Worker's time as a queue can wait them: whole ones, at least one, so that attempts stay apart. */
const queueSeconds = (seconds: number) => (seconds === 0 ? 0 : Math.max(1, Math.round(seconds * commands.clock.scale)))

/** The words of the platform where nothing else is asked for. */
const OUTAGE: Record<Store, string> = {
  D1: 'D1_ERROR: Network connection lost.',
  INTAKE: 'Queue send failed: Internal Server Error',
  EVENTS: 'Queue send failed: Internal Server Error',
  RESULTS: 'KV PUT failed: 500 Internal Server Error',
  ASIDE: 'KV PUT failed: 500 Internal Server Error',
}

/** Within the Worker's deadlines. */
const SLOW_MS: Record<Store, number> = { D1: 1_500, INTAKE: 800, ASIDE: 800, EVENTS: 3_000, RESULTS: 3_000 }

/** As long as stalls of D1 are reported to last. */
const STALL_MS = 80_000

/** One call of one of the Worker's handlers. An isolate that has ended makes no more calls. */
type Invocation = { callsLeft: number | null; ctx: ExecutionContext }

const failingIn =
  (invocation: Invocation): Watch =>
  async ({ store, method, statements }, work) => {
    if (invocation.callsLeft === 0) return stall(store)
    if (invocation.callsLeft !== null) invocation.callsLeft -= 1
    const call = async () => {
      const value = await work()
      if (store === 'INTAKE' && method === 'send') inIntake += 1
      return value
    }
    const failing = commands.failures[store]
    calls += 1
    if (!failing || !isMeant(failing, statements) || (failing.everySecond && calls % 2 === 0)) return call()
    if (failing.way === 'hangs') return stall(store)
    if (failing.way === 'is slow') {
      const late = pause(failing.slowMs ?? SLOW_MS[store]).then(call)
      invocation.ctx.waitUntil(late) // it is done though the Worker may wait no longer
      return late
    }
    if (failing.way === 'takes it, then throws') await call()
    throw new Error(failing.words ?? OUTAGE[store])
  }

const isMeant = ({ only }: Failing, statements: Call['statements']) =>
  only === undefined || statements.some(({ sql, bound }) => new RegExp(only).test([sql, ...bound].join(' ')))

/** What hangs ends in an error, long after whoever called has to have given up. */
async function stall(store: Store): Promise<never> {
  await pause(STALL_MS)
  throw new Error(OUTAGE[store])
}

let turns = 0

/** A variable, so that no bundler looks for the file: it comes from the Worker's own build. */
async function receiver(): Promise<Receiver> {
  const { isolates } = commands
  turns += 1
  const copy = `./receiver-${isolates[turns % isolates.length]}.js`
  return ((await import(copy)) as { default: Receiver }).default
}

const withFailing = (env: Env, invocation: Invocation): Env => ({
  ...env,
  ...commands.settings,
  ...watched(env, failingIn(invocation)),
})

async function answer(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const call: Invocation = { callsLeft: null, ctx }
  const response = await (await receiver()).fetch(request as never, withFailing(env, call), ctx)
  call.callsLeft = commands.callsLeft
  return response
}

/** Hands the messages on; an acknowledgement may be lost, a delay is in the Worker's time. */
function handed<Body>(message: Message<Body>, onAck = () => {}): Message<Body> {
  const { id, timestamp, body, attempts } = message
  return {
    id,
    timestamp,
    body,
    attempts,
    ack: () => {
      if (commands.redeliver && attempts === 1) return message.retry({ delaySeconds: 0 })
      onAck()
      message.ack()
    },
    retry: ({ delaySeconds = 0 } = {}) => message.retry({ delaySeconds: queueSeconds(delaySeconds) }),
  }
}

async function consumeIntake(batch: MessageBatch<IntakeMessage>, env: Env, ctx: ExecutionContext) {
  const { queue, metadata } = batch
  const messages = batch.messages.map((message) => handed(message, () => (inIntake -= 1)))
  const whole = { queue, metadata, messages, ackAll() {}, retryAll() {} }
  await (await receiver()).queue(whole, withFailing(env, { callsLeft: null, ctx }), ctx)
}

/** Stands for every consumer of the events. */
function consumeEvents({ messages }: MessageBatch<SnapshotEvent>) {
  for (const message of messages) {
    events[message.body.id] = message.body.subject
    handed(message).ack()
  }
}

async function state(env: Env): Promise<State> {
  const counted = 'SELECT count(*) AS rows, count(publish_at) AS unpublished FROM snapshots'
  const counts = await env.DB.prepare(counted).first<Pick<State, 'rows' | 'unpublished'>>()
  const aside = (await env.ASIDE.list()).keys
  const poison = aside.filter(({ name }) => name.startsWith(POISON)).length
  const kvKeys = (await env.RESULTS.list()).keys.map(({ name }) => name)
  return { rows: 0, unpublished: 0, ...counts, inIntake, inAside: aside.length, poison, kvKeys, events }
}

/** What is stored, read past everything that fails. */
async function stored(env: Env): Promise<Stored[]> {
  const { results } = await env.DB.prepare('SELECT task_id, record FROM snapshots').all<Omit<Stored, 'kv'>>()
  return Promise.all(results.map(async (row) => ({ ...row, kv: await env.RESULTS.get(row.task_id) })))
}

/** What the harness asks. */
async function heard(what: string, request: Request, env: Env, ctx: ExecutionContext): Promise<unknown> {
  switch (what) {
    case 'commands':
      commands = await request.json<Commands>()
      return {}
    case 'cron': {
      const { scheduledTime } = await request.json<{ scheduledTime: number }>()
      const controller = { scheduledTime, cron: '* * * * *', noRetry() {} }
      const { callsLeft } = commands
      await (await receiver()).scheduled(controller, withFailing(env, { callsLeft, ctx }), ctx)
      return {}
    }
    case 'stored':
      return stored(env)
    default:
      return state(env)
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url)
    if (!pathname.startsWith(HARNESS)) return answer(request, env, ctx)
    return Response.json(await heard(pathname.slice(HARNESS.length), request, env, ctx))
  },
  async queue(batch, env, ctx) {
    if (batch.queue === INTAKE_QUEUE) return consumeIntake(batch as MessageBatch<IntakeMessage>, env, ctx)
    consumeEvents(batch as MessageBatch<SnapshotEvent>)
  },
} satisfies ExportedHandler<Env>
