/** Each minute: results past their days leave D1 and KV, and the quarantine and the ledger keep within their bounds. */
import { log } from './log.ts'
import { isFault, retentionDaysOf, type Settings } from './settings.ts'
import { deleteOld, extendInKv, findOld, purgeLedger, purgeQuarantine } from './store/purge.ts'
import { noteRetention, retentionState } from './store/state.ts'

const MS_A_DAY = 86_400_000

/** Five slices a minute are more than ZEGOCLOUD can send: 20 tasks a second. */
const MOST_SLICES = 5

/** KV ends a value to the second, some time later. */
const SOON_MS = 120_000

/** Rows whose value in KV is looked at in a minute, when RETENTION_DAYS has changed. */
const MOST_EXTENDED = 100

/** Up to which place this isolate has looked: rows that cannot go yet hold up none of those behind them. */
let reached = 0

/** The parts of the purge, each of which tells how many rows went. None depends on another. */
export function purges(db: D1Database, settings: Settings, minute: number, now: number) {
  const { toleranceSeconds } = settings
  const tolerance = isFault(toleranceSeconds) ? 0 : toleranceSeconds
  const logged = (what: string, purge: () => Promise<number>) => async () => {
    const rows = await purge()
    if (rows > 0) log('info', 'purge.done', { what, rows })
  }
  return {
    'purge quarantine': logged('quarantine', () => purgeQuarantine(db, now)),
    'purge ledger': logged('ledger', () => purgeLedger(db, minute, retentionDaysOf(settings), tolerance, now)),
    'purge snapshots': logged('snapshots', () => purgeSnapshots(db, settings, now)),
    'extend in KV': () => followRetention(db, settings, now),
  }
}

async function purgeSnapshots(db: D1Database, settings: Settings, now: number): Promise<number> {
  const days = retentionDaysOf(settings)
  if (days === 0) return 0
  const before = now - days * MS_A_DAY
  let gone = 0
  for (let slice = 0; slice < MOST_SLICES; slice += 1) {
    const { old, next } = await findOld(db, reached, before, now + SOON_MS)
    gone += await deleteOld(db, old, before, now)
    reached = next ?? 0
    if (next === undefined) break
  }
  return gone
}

/** Where RETENTION_DAYS was raised or removed, values in KV would expire under their rows: they are put there again. */
async function followRetention(db: D1Database, settings: Settings, now: number): Promise<void> {
  if (isFault(settings.retentionDays)) return
  const days = settings.retentionDays
  const state = await retentionState(db)
  if (state.days === days && state.after === undefined) return
  const after = state.days === days ? (state.after ?? 0) : 0
  const next = await extendInKv(db, after, days * MS_A_DAY, now, MOST_EXTENDED)
  await noteRetention(db, { days, after: next }, now)
}
