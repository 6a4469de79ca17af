/** Each minute: results past their days leave D1 and KV, and the quarantine and the ledger keep within their bounds. */
import { forgetInKv } from './publish/forget.ts'
import { log } from './log.ts'
import { type Env, isFault, retentionDaysOf, type Settings } from './settings.ts'
import { deleteOld, findOld, purgeLedger, purgeQuarantine } from './store/purge.ts'
import { retentionSince } from './store/state.ts'

const MS_A_DAY = 86_400_000

/** The free plan allows 50 subrequests an invocation, and 1,000 deletes in KV a day. */
const MOST_KV_DELETES = 20

/** Five slices a minute are more than ZEGOCLOUD can send: 20 tasks a second. */
const MOST_SLICES = 5

/** The version before may still publish while this one begins. */
const DEPLOY_MS = 3_600_000

/** Up to which place this isolate has looked: rows that cannot go yet hold up none of those behind them. */
let reached = 0

/** Throws when D1 or KV fails: what is left goes in another minute. */
export async function purge(env: Env, settings: Settings, minute: number, now: number): Promise<void> {
  const retentionDays = retentionDaysOf(settings)
  const { toleranceSeconds } = settings
  const snapshots = await purgeSnapshots(env, settings, now)
  const quarantine = await purgeQuarantine(env.DB, minute, now)
  const ledger = await purgeLedger(env.DB, minute, retentionDays, isFault(toleranceSeconds) ? 0 : toleranceSeconds, now)
  if (snapshots + quarantine + ledger > 0) log('info', 'purge.done', { snapshots, quarantine, ledger })
}

/**
 * A value expires in KV by itself if it was put there under the present RETENTION_DAYS. One that is older than the
 * setting is deleted, before its row is: until KV took that, D1 remembers.
 */
async function purgeSnapshots(env: Env, settings: Settings, now: number): Promise<number> {
  if (isFault(settings.retentionDays)) return 0
  const days = settings.retentionDays
  const since = await retentionSince(env.DB, days, now)
  if (days === 0) return 0
  const before = now - days * MS_A_DAY
  let gone = 0
  for (let n = 0; n < MOST_SLICES; n += 1) {
    const { old, next } = await findOld(env.DB, reached, before)
    const expiring = old.filter(({ received_at }) => received_at > since + DEPLOY_MS)
    const lasting = old.filter(({ received_at }) => received_at <= since + DEPLOY_MS)
    const some = lasting.slice(0, MOST_KV_DELETES)
    await Promise.all(some.map(({ task_id }) => forgetInKv(env.RESULTS, task_id)))
    gone += await deleteOld(env.DB, [...expiring, ...some], before)
    if (some.length > 0) break
    reached = next ?? 0
    if (next === undefined) break
  }
  return gone
}
