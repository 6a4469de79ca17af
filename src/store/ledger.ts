/** The ledger, for what comes back out of the quarantine; `settle` writes it. */
import type { VerifiedCallback } from '../callback/read.ts'
import { onDatabase } from './database.ts'

/** Whether the ledger has the signature for this very content. */
export async function isInLedger(db: D1Database, { signature, content }: VerifiedCallback): Promise<boolean> {
  const find = db.prepare('SELECT 1 FROM ledger WHERE signature = ?1 AND content = ?2').bind(signature, content)
  return (await onDatabase(db, () => find.first())) !== null
}

/** The signature's content is read as another one now than when it was entered, from the very same bytes. */
export async function enterAgain(db: D1Database, { signature, content }: VerifiedCallback, was: string): Promise<void> {
  if (was === content) return
  const enter = db.prepare('UPDATE ledger SET content = ?3 WHERE signature = ?1 AND content = ?2')
  await onDatabase(db, () => enter.bind(signature, was, content).run())
}
