/** What was put aside reaches D1 through the same `settle` as everyone else, the ledger first. */
import { readVerified } from '../callback/read.ts'
import { log } from '../log.ts'
import type { Publication } from '../store/outbox.ts'
import { settle } from '../store/settle.ts'
import { type BufferedCallback, rawOf } from './buffer.ts'

/** The publication of what is stored now. Throws when D1 does not take it. */
export async function settleBuffered(buffered: BufferedCallback, db: D1Database): Promise<Publication | undefined> {
  const callback = await readVerified(rawOf(buffered), buffered.received_at)
  if ('code' in callback) throw new Error(`it was decoded once, and is not now: ${callback.code}`)
  const settlement = await settle(db, callback)
  log('info', `callback.${settlement.status}`, { task_id: callback.task_id, drained: true })
  return settlement.status === 'stored' ? settlement.publication : undefined
}
