/** Every minute: publishes what is due, because its own request could not. */
import { log } from '../log.ts'
import { takeDue } from '../store/outbox.ts'
import { publish, type Targets } from './publish.ts'

/** An invocation of the free plan has 50 subrequests, and a publication takes two. */
const SLICE = 10

/** Tells whether there may be more that can be published now. */
export async function sweep(targets: Targets, retentionDays: number, now: number): Promise<boolean> {
  const sweepLane = async (missing: 'event' | 'kv', limit: number) => {
    const publications = await takeDue(targets.DB, missing, now, limit)
    if (publications.length === 0) return { tasks: 0, allWell: true }
    log('info', 'sweep.publishing', { tasks: publications.length, missing })
    return { tasks: publications.length, allWell: await publish(publications, targets, retentionDays, now) }
  }
  const events = await sweepLane('event', SLICE)
  if (events.tasks === SLICE) return events.allWell
  // KV that rests would refuse each of them, and rows would be written for it: the first one tells.
  const first = await sweepLane('kv', 1)
  if (first.tasks === 0 || !first.allWell) return false
  const others = await sweepLane('kv', SLICE - events.tasks - first.tasks)
  const allWell = events.allWell && others.allWell
  return allWell && events.tasks + first.tasks + others.tasks === SLICE
}
