/** `GET /healthz`: open, for monitors. */
import { Hono } from 'hono/tiny'
import { log, messageOf } from '../log.ts'
import { type Env, faultsOf, readSettings } from '../settings.ts'
import { isEventLate, isKvLate } from '../store/outbox.ts'
import { asideState } from '../store/state.ts'

type Verdict = { status: 'ok' } | { status: 'degraded' | 'unhealthy'; parts: string[] }

/** So that a monitor, or a crowd, costs one look at D1 in ten seconds. */
const VERDICT_GOOD_FOR_MS = 10_000

let last: { verdict: Verdict; at: number } | undefined

export const health = new Hono<{ Bindings: Env }>()

health.get('/healthz', async (c) => {
  const now = Date.now()
  if (last === undefined || Math.abs(now - last.at) >= VERDICT_GOOD_FOR_MS)
    last = { verdict: await judge(c.env, now), at: now }
  return c.json(last.verdict, last.verdict.status === 'unhealthy' ? 503 : 200)
})

async function judge(env: Env, now: number): Promise<Verdict> {
  const broken = faultsOf(readSettings(env)).length > 0 ? ['settings'] : []
  const late: string[] = []
  try {
    if (await isEventLate(env.DB, now)) broken.push('publishing')
    if (await isKvLate(env.DB, now)) late.push('kv')
    const { waiting, parked } = await asideState(env.DB)
    if (waiting + parked > 0) late.push('aside')
  } catch (error) {
    log('error', 'health.failed', { store: 'd1', why: messageOf(error) })
    broken.push('d1')
  }
  if (broken.length > 0) return { status: 'unhealthy', parts: [...broken, ...late] }
  return late.length > 0 ? { status: 'degraded', parts: late } : { status: 'ok' }
}
