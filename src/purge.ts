/** Each minute: results past their days leave D1 and KV, and the quarantine and the ledger keep within their bounds. */
import { log } from './log.ts'
import { isFault, retentionDaysOf, type Settings } from './settings.ts'
import { purgeLedger, purgeQuarantine, purgeResults } from './store/purge.ts'

const MS_A_DAY = 86_400_000

/** The parts of the purge, each of which tells how many rows went. None depends on another. */
export function purges(db: D1Database, settings: Settings, minute: number, now: number) {
  const { toleranceSeconds } = settings
  const tolerance = isFault(toleranceSeconds) ? 0 : toleranceSeconds
  const days = retentionDaysOf(settings)
  const logged = (what: string, purge: () => Promise<number>) => async () => {
    const rows = await purge()
    if (rows > 0) log('info', 'purge.done', { what, rows })
  }
  return {
    'purge quarantine': logged('quarantine', () => purgeQuarantine(db, now)),
    'purge ledger': logged('ledger', () => purgeLedger(db, minute, days, tolerance, now)),
    'purge snapshots': logged('snapshots', async () =>
      days === 0 ? 0 : purgeResults(db, now - days * MS_A_DAY, minute, now),
    ),
  }
}
