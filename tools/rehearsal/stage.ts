/**
 * The stage: the entry of the Worker under rehearsal. It hands every call on to the built Worker, whose modules stand
 * beside it unchanged, with stores that fail by order and a clock that can be put forward.
 */
import { ASIDE_DEADLINE_MS, INTAKE_DEADLINE_MS, type IntakeMessage } from '../../src/intake/buffer.ts'
import { D1_DEADLINE_MS } from '../../src/store/database.ts'
import type { SnapshotEvent } from '../../src/event.ts'
import type { Env } from '../../src/settings.ts'
import { pause, queueSeconds, scaleTime, setClock } from './clock.ts'
import { STAGE, type Orders, type State, type Stored } from './orders.ts'
import { stagedEnv, type Invocation, type Stage } from './stores.ts'

type Receiver = Required<Pick<ExportedHandler<Env, IntakeMessage>, 'fetch' | 'queue' | 'scheduled'>>

const EVENTS_QUEUE = 'zego-snapshots-events'
const INTAKE_QUEUE = 'zego-snapshots-intake'

scaleTime()

const stage: Stage = {
  orders: {
    failures: {},
    clock: { origin: 0, scale: 1, shift: 0 },
    generation: 0,
    callsAfterAnswer: null,
    callsOfCron: null,
    redeliver: false,
  },
  held: [],
  failed: { D1: 0, INTAKE: 0, EVENTS: 0, RESULTS: 0, ASIDE: 0 },
  calls: 0,
  inIntake: 0,
}
const events = new Map<string, { subject: string; times: number }>()
let dead = 0
/** Calls that hung and are still to be carried out: one after another, beside the calls that come in. */
let late = 0
const LATE_CALL_MS = 20

/** A variable, so that no bundler looks for the file: it comes from the Worker's own build. */
async function receiver(): Promise<Receiver> {
  const copy = `./receiver-${stage.orders.generation}.js`
  return ((await import(copy)) as { default: Receiver }).default
}

async function answer(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const worker = await receiver()
  const call: Invocation = { callsLeft: null }
  const response = await worker.fetch(request as Parameters<Receiver['fetch']>[0], stagedEnv(env, stage, call), ctx)
  call.callsLeft = stage.orders.callsAfterAnswer
  return response
}

/** Hands the messages on; an acknowledgement may be lost, a delay is in the Worker's time. */
function staged<Body>(message: Message<Body>, onAck: () => void): Message<Body> {
  const { id, timestamp, body, attempts } = message
  return {
    id,
    timestamp,
    body,
    attempts,
    ack: () => {
      if (stage.orders.redeliver && attempts === 1) return message.retry({ delaySeconds: 0 })
      onAck()
      message.ack()
    },
    retry: ({ delaySeconds = 0 } = {}) => message.retry({ delaySeconds: queueSeconds(delaySeconds) }),
  }
}

async function consumeIntake(batch: MessageBatch<IntakeMessage>, env: Env, ctx: ExecutionContext) {
  const messages = batch.messages.map((message) => staged(message, () => (stage.inIntake -= 1)))
  const { queue, metadata } = batch
  const worker = await receiver()
  const handed = { queue, metadata, messages, ackAll() {}, retryAll() {} }
  await worker.queue(handed, stagedEnv(env, stage, { callsLeft: null }), ctx)
}

/** Stands for every consumer of the events. */
function consumeEvents(batch: MessageBatch<SnapshotEvent>) {
  for (const message of batch.messages) {
    const { id, subject } = message.body
    const seen = events.get(id)
    events.set(id, { subject, times: (seen?.times ?? 0) + 1 })
    staged(message, () => undefined).ack()
  }
}

/** What hung is carried out late, every other call of it, though nobody waits for it any more. */
async function letGo() {
  const due = stage.held.splice(0).filter((_, index) => index % 2 === 0)
  late += due.length
  for (const call of due) {
    await Promise.allSettled([call(), pause(LATE_CALL_MS)])
    late -= 1
  }
}

async function state(env: Env): Promise<State> {
  const counts = await env.DB.prepare('SELECT count(*) AS n, count(publish_at) AS unpublished FROM snapshots').first<{
    n: number
    unpublished: number
  }>()
  const aside = await env.ASIDE.list()
  return {
    rows: counts?.n ?? 0,
    unpublished: counts?.unpublished ?? 0,
    inIntake: stage.inIntake,
    inAside: aside.keys.length,
    events: [...events].map(([id, event]) => ({ id, ...event })),
    late,
    dead,
    failed: stage.failed,
    deadlines: { D1_DEADLINE_MS, INTAKE_DEADLINE_MS, ASIDE_DEADLINE_MS },
  }
}

/** A page of what is stored, read past the gate. */
async function stored(env: Env, after: number): Promise<Stored[]> {
  const { results } = await env.DB.prepare(
    'SELECT place, task_id, record FROM snapshots WHERE place > ?1 ORDER BY place LIMIT 100',
  )
    .bind(after)
    .all<Omit<Stored, 'kv'>>()
  return Promise.all(results.map(async (row) => ({ ...row, kv: await env.RESULTS.get(row.task_id) })))
}

async function direct(url: URL, request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const what = url.pathname.slice(STAGE.length)
  if (what === 'orders') {
    const orders = await request.json<Orders>()
    stage.orders = orders
    setClock(orders.clock)
    ctx.waitUntil(letGo())
    return Response.json({})
  }
  if (what === 'cron') {
    const scheduledTime = Number(url.searchParams.get('at'))
    const controller = { scheduledTime, cron: '* * * * *', noRetry() {} }
    const call = { callsLeft: stage.orders.callsOfCron }
    await (await receiver()).scheduled(controller, stagedEnv(env, stage, call), ctx)
    return Response.json({})
  }
  if (what === 'state') return Response.json(await state(env))
  return Response.json(await stored(env, Number(url.searchParams.get('after'))))
}

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url)
    return url.pathname.startsWith(STAGE) ? direct(url, request, env, ctx) : answer(request, env, ctx)
  },
  async queue(batch, env, ctx) {
    if (batch.queue === INTAKE_QUEUE) return consumeIntake(batch as MessageBatch<IntakeMessage>, env, ctx)
    if (batch.queue === EVENTS_QUEUE) return consumeEvents(batch as MessageBatch<SnapshotEvent>)
    dead += batch.messages.length
  },
} satisfies ExportedHandler<Env>
