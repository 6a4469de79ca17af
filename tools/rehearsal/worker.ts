/**
 * The entry of the Worker under rehearsal. It hands every call on to the built Worker, whose modules stand beside it
 * unchanged, with stores that fail as they are told to and a clock that can be put forward.
 */
import type { SnapshotEvent } from '../../src/event.ts'
import { POISON } from '../../src/intake/buffer.ts'
import type { IntakeMessage } from '../../src/jobs.ts'
import type { Env } from '../../src/settings.ts'
import { watched } from '../lib/stores.ts'
import { carryOutLate, failingIn, type Invocation, queueSeconds, scaleTime, setClock, shared } from './failing.ts'
import { type Commands, HARNESS, type State, type Stored } from './commands.ts'

type Receiver = Required<Pick<ExportedHandler<Env, IntakeMessage>, 'fetch' | 'queue' | 'scheduled'>>

const EVENTS_QUEUE = 'zego-snapshots-events'
const INTAKE_QUEUE = 'zego-snapshots-intake'

scaleTime()

const events: Record<string, string> = {}
let dead = 0
let calls = 0

/** A variable, so that no bundler looks for the file: it comes from the Worker's own build. */
async function receiver(): Promise<Receiver> {
  const { generation, inTwoIsolates } = shared.commands
  calls += 1
  const copy = `./receiver-${generation + (inTwoIsolates ? calls % 2 : 0)}.js`
  return ((await import(copy)) as { default: Receiver }).default
}

const withFailing = (env: Env, invocation: Invocation): Env => ({
  ...env,
  ...shared.commands.settings,
  ...watched(env, failingIn(invocation)),
})

async function answer(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const call: Invocation = { callsLeft: null }
  const response = await (await receiver()).fetch(request as never, withFailing(env, call), ctx)
  call.callsLeft = shared.commands.callsAfterAnswer
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
      if (shared.commands.redeliver && attempts === 1) return message.retry({ delaySeconds: 0 })
      onAck()
      message.ack()
    },
    retry: ({ delaySeconds = 0 } = {}) => message.retry({ delaySeconds: queueSeconds(delaySeconds) }),
  }
}

async function consumeIntake(batch: MessageBatch<IntakeMessage>, env: Env, ctx: ExecutionContext) {
  const { queue, metadata } = batch
  const messages = batch.messages.map((message) => handed(message, () => (shared.inIntake -= 1)))
  const whole = { queue, metadata, messages, ackAll() {}, retryAll() {} }
  await (await receiver()).queue(whole, withFailing(env, { callsLeft: null }), ctx)
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
  const { late, inIntake, failed } = shared
  const aside = (await env.ASIDE.list()).keys
  const poison = aside.filter(({ name }) => name.startsWith(POISON)).length
  const kvKeys = (await env.RESULTS.list()).keys.map(({ name }) => name)
  const waiting = { inIntake, inAside: aside.length, poison, late, dead }
  return { rows: 0, unpublished: 0, ...counts, ...waiting, kvKeys, events, failed }
}

/** A page of what is stored, read past everything that fails. */
async function stored(env: Env, after: number): Promise<Stored[]> {
  const page = 'SELECT place, task_id, record FROM snapshots WHERE place > ?1 ORDER BY place LIMIT 100'
  const { results } = await env.DB.prepare(page).bind(after).all<Omit<Stored, 'kv'>>()
  return Promise.all(results.map(async (row) => ({ ...row, kv: await env.RESULTS.get(row.task_id) })))
}

/** What can be asked of it, by path. */
const commandsByPath: Record<
  string,
  (query: URLSearchParams, request: Request, env: Env, ctx: ExecutionContext) => unknown
> = {
  async commands(_query, request, _env, ctx) {
    shared.commands = await request.json<Commands>()
    setClock(shared.commands.clock)
    ctx.waitUntil(carryOutLate())
    return {}
  },
  async cron(query, _request, env, ctx) {
    const controller = { scheduledTime: Number(query.get('at')), cron: '* * * * *', noRetry() {} }
    const call = { callsLeft: shared.commands.callsOfCron }
    await (await receiver()).scheduled(controller, withFailing(env, call), ctx)
    return {}
  },
  state: (_query, _request, env) => state(env),
  stored: (query, _request, env) => stored(env, Number(query.get('after'))),
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url)
    const ask = pathname.startsWith(HARNESS) ? commandsByPath[pathname.slice(HARNESS.length)] : undefined
    return ask ? Response.json(await ask(searchParams, request, env, ctx)) : answer(request, env, ctx)
  },
  async queue(batch, env, ctx) {
    if (batch.queue === INTAKE_QUEUE) return consumeIntake(batch as MessageBatch<IntakeMessage>, env, ctx)
    if (batch.queue === EVENTS_QUEUE) return consumeEvents(batch as MessageBatch<SnapshotEvent>)
    dead += batch.messages.length
  },
} satisfies ExportedHandler<Env>
