/**
 * A callback of our own, from its signature to the store: through the code that takes ZEGOCLOUD's.
 *
 * Its event is no snapshot, so that no consumer ever sees it; what is kept of it is deleted in the end.
 */
import { bytesOf } from '../callback/bytes.ts'
import { describeRefusal, type Refusal } from '../callback/refusal.ts'
import { type Secrets, sign } from '../callback/signature.ts'
import { receive, type Received, type Rules, type Stores } from '../receive.ts'
import { removeEntry } from '../store/quarantine.ts'
import type { Check } from './checks.ts'

const EVENT = 'zego_snapshots_test'
const APPID = '0'

/** The steps in their order, and the refusals that end the way at each. */
const STEPS: readonly [string, readonly Refusal['code'][]][] = [
  ['Its body was read', ['undecodable', 'body_too_large']],
  ['Its signature matches a configured secret', ['bad_signature', 'unknown_app', 'not_configured']],
  ['Its timestamp is fresh', ['invalid_timestamp', 'stale']],
  ['D1 took it, ledger first', ['storage_unavailable', 'signature_reused']],
]

/** What became of it, step by step. Throws when D1 does not let go of it. */
export async function sendTest(rules: Rules, now: number, stores: Stores): Promise<Check[]> {
  const { appid, secret } = someSecret(rules.secrets)
  const timestamp = String(Math.floor(now / 1000))
  const nonce = crypto.randomUUID()
  const signature = await sign(secret, { timestamp, nonce })
  const task_id = `test-${crypto.randomUUID()}`
  const sent = { appid, event: EVENT, timestamp, nonce, signature, task_id }
  const raw = { bytes: bytesOf(JSON.stringify(sent)), contentType: 'application/json', contentEncoding: null }
  const began = Date.now()
  const received = await receive(raw, rules, now, stores)
  const ms = Date.now() - began
  const signed: Check = { shape: 'well', words: `A callback of event ${EVENT} was signed`, more: task_id }
  return [signed, ...stepsOf(received, ms), ...(await forget(received, stores.DB))]
}

/** The first there is: one that is good for every app, or one of the first app. */
function someSecret({ everyApp, byApp }: Secrets): { appid: string; secret: string } {
  const [first] = byApp
  if (everyApp[0] !== undefined || first === undefined) return { appid: APPID, secret: everyApp[0] ?? '' }
  return { appid: first[0], secret: first[1][0] ?? '' }
}

function stepsOf(received: Received, ms: number): Check[] {
  const refusal = received.status === 'refused' ? received.refusal : undefined
  const failed = refusal ? STEPS.findIndex(([, codes]) => codes.includes(refusal.code)) : STEPS.length
  const steps: Check[] = STEPS.slice(0, failed).map(([words]) => ({ shape: 'well', words }))
  if (refusal) {
    const { title, detail } = describeRefusal(refusal)
    return [...steps, { shape: 'bad', words: title, more: detail }]
  }
  if (received.status === 'accepted') {
    const words = `D1 did not take it in time: ${received.store === 'intake' ? 'the queue INTAKE' : 'KV ASIDE'} did`
    return [...steps.slice(0, -1), { shape: 'waiting', words, more: 'It is found in the quarantine once D1 is back.' }]
  }
  return [...steps, { shape: 'well', words: `It was answered 202 quarantined after ${ms} ms` }]
}

async function forget(received: Received, db: D1Database): Promise<Check[]> {
  if (received.status !== 'quarantined') return []
  await removeEntry(db, received.id)
  const more = 'Neither KV nor the queue of events was touched: no consumer has seen it.'
  return [{ shape: 'well', words: 'What was kept of it is deleted', more }]
}
