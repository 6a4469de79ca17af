/** Every minute: publishes what is due, because its own request could not. */
import { log } from '../log.ts'
import { takeDue } from '../store/outbox.ts'
import { publish, type Targets } from './publish.ts'

/** An invocation of the free plan has 50 subrequests, and a publication takes two. */
const SLICE = 10

/** Tells whether there may be more that can be published now. */
export async function sweep(targets: Targets, retentionDays: number, now: number): Promise<boolean> {
  const publications = await takeDue(targets.DB, now, SLICE)
  if (publications.length === 0) return false
  log('info', 'sweep.publishing', { tasks: publications.length })
  const allWell = await publish(publications, targets, retentionDays, now)
  return allWell && publications.length === SLICE
}
