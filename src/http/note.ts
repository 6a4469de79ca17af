/** Records the last callback and the last refusals for health: at best effort, and once a minute an isolate at most. */
import { log, messageOf } from '../log.ts'
import { noteCallback, noteRefusal } from '../store/state.ts'

const NOTED_FOR_MS = 60_000

/** A cache: when this isolate noted what, in milliseconds. Another isolate notes the same once more. */
const noted = new Map<string, number>()

/** A verified callback, and whether its URL had a path token. Never throws. */
export async function noteTaken(db: D1Database, withPathToken: boolean, now: number): Promise<void> {
  await once(`taken ${withPathToken}`, now, () => noteCallback(db, withPathToken, now))
}

/** @param code why a callback was refused. Never throws. */
export async function noteRefused(db: D1Database, code: string, now: number): Promise<void> {
  await once(`refused ${code}`, now, async () => {
    // Health asks which of the two came last: the next callback that is verified is noted at once.
    for (const withPathToken of [true, false]) noted.delete(`taken ${withPathToken}`)
    await noteRefusal(db, code, now)
  })
}

async function once(what: string, now: number, note: () => Promise<void>): Promise<void> {
  if (Math.abs(now - (noted.get(what) ?? -Infinity)) < NOTED_FOR_MS) return
  noted.set(what, now)
  try {
    await note()
  } catch (error) {
    log('warn', 'callback.unnoted', { what, why: messageOf(error) })
  }
}
