/** What was put aside reaches D1 through the same `settle` as everyone else, the ledger first. */
import { decode } from '../callback/decode.ts'
import { deliveryOf } from '../callback/delivery.ts'
import { log } from '../log.ts'
import type { Publication } from '../store/outbox.ts'
import { settle } from '../store/settle.ts'
import type { SetAside } from './aside.ts'

/** The publication of what is stored now. Throws when D1 does not take it. */
export async function settleAside({ body, received_at }: SetAside, db: D1Database): Promise<Publication | undefined> {
  const decoded = decode(body)
  if ('code' in decoded) throw new Error(`it was decoded once, and is not now: ${decoded.why}`)
  const delivery = await deliveryOf(body, decoded.fields, received_at)
  const settlement = await settle(db, delivery)
  log('info', `callback.${settlement.status}`, { task_id: delivery.task_id, drained: true })
  return settlement.status === 'stored' ? settlement.publication : undefined
}
