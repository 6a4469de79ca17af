/** What is known of the parts that D1 cannot: how many callbacks wait in ASIDE. */
import { onDatabase } from './database.ts'

/** Callbacks in ASIDE when it was last listed; no more than a list shows. */
export type AsideState = { waiting: number; parked: number }

const NOTE = `
  INSERT INTO state (name, value, changed_at) VALUES ('aside', ?1, ?2)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at
  WHERE value <> excluded.value`

export async function noteAside(db: D1Database, state: AsideState, now: number): Promise<void> {
  await onDatabase(db, () => db.prepare(NOTE).bind(JSON.stringify(state), now).run())
}

export async function asideState(db: D1Database): Promise<AsideState> {
  const row = await onDatabase(db, () =>
    db.prepare(`SELECT value FROM state WHERE name = 'aside'`).first<{ value: string }>(),
  )
  return row === null ? { waiting: 0, parked: 0 } : (JSON.parse(row.value) as AsideState)
}
