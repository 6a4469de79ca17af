/** A verified callback, ready to be settled: all that the store has to know of it. */
import type { CompletedRecord } from '../event.ts'
import { bytesOf, sha256 } from './bytes.ts'
import type { Fields } from './decode.ts'
import { latestClaim, timeOf } from './freshness.ts'
import { envelopeOf } from './signature.ts'
import { contentOf, readSnapshot, type Unusable } from './snapshot.ts'

export type Delivery = {
  /** In lower case: the ledger's key. */
  signature: string
  /** The hash of what it says. */
  content: string
  /** The latest time that a split of the signed characters can claim, in milliseconds. */
  latestClaim: number
  /** In milliseconds. */
  receivedAt: number
  /** As far as it is known. */
  task_id: string | undefined
  /** As it was received. */
  body: string
  said: { record: CompletedRecord } | Unusable
}

/** For people to find it by; a real one is shorter. */
const SHOWN_TASK_ID_LENGTH = 512

/** @param receivedAt in milliseconds */
export async function deliveryOf(body: string, fields: Fields, receivedAt: number): Promise<Delivery> {
  const { signature, timestamp, nonce } = envelopeOf(fields)
  const content = contentOf(fields)
  const bytes = bytesOf(JSON.stringify(content))
  return {
    signature,
    content: await sha256(bytes),
    latestClaim: latestClaim(timestamp, nonce),
    receivedAt,
    task_id: typeof content.task_id === 'string' ? content.task_id.slice(0, SHOWN_TASK_ID_LENGTH) : undefined,
    body,
    said: readSnapshot(content, bytes.length, timeOf(timestamp), receivedAt),
  }
}
