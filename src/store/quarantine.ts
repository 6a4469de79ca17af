/** What was kept aside: authentic callbacks that are no snapshot we can use, and evidence of forged ones. */

export type Reason =
  | 'invalid_snapshot'
  | 'unsupported_event'
  | 'conflict'
  | 'signature_reused'
  | 'unknown_app'
  | 'invalid_timestamp'
  | 'stale'
  | 'replaced'

/** One body to keep. The same content for the same reason is one row. */
export type Exhibit = {
  reason: Reason
  /** In words, for people. */
  detail: string
  signature: string
  /** The hash of what it says. */
  content: string
  task_id: string | undefined
  /** In milliseconds. */
  receivedAt: number
  /** As it was received. */
  body: string
}

/** So that whoever has captured a signature cannot fill the store. */
const MOST_BODIES_A_SIGNATURE = 16

const KEEP = `
  INSERT INTO quarantine (id, reason, detail, signature, task_id, received_at, body)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
  WHERE (SELECT count(*) FROM quarantine WHERE signature = ?4 AND reason = ?2) < ${MOST_BODIES_A_SIGNATURE}
  ON CONFLICT (id) DO NOTHING`

export function exhibitId({ reason, content }: Pick<Exhibit, 'reason' | 'content'>): string {
  return `${reason}:${content}`
}

/** A row of D1 holds 2 MB. A body has less, but bytes that are no UTF-8 have become three each. */
const BODY_LIMIT_BYTES = 1_900_000

function fitting(body: string): string {
  const bytes = new TextEncoder().encode(body)
  return bytes.length <= BODY_LIMIT_BYTES ? body : new TextDecoder().decode(bytes.subarray(0, BODY_LIMIT_BYTES))
}

/** Idempotent. To be called within `onDatabase`. */
export async function keep(db: D1Database, exhibit: Exhibit): Promise<void> {
  const { reason, detail, signature, task_id, receivedAt, body } = exhibit
  await db
    .prepare(KEEP)
    .bind(exhibitId(exhibit), reason, detail, signature, task_id ?? null, receivedAt, fitting(body))
    .run()
}
