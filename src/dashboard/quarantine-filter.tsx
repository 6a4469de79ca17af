/** What a list of the quarantine is filtered by: the reasons with their counts, and a task_id. */
import type { Count, Facts } from '../store/facts.ts'
import { totalOf } from '../store/health.ts'
import { type Reason, REASONS } from '../store/quarantine.ts'

/** What the address asks for. */
export type Sought = { reason?: Reason; task_id?: string }

/** Each reason with its count, as a filter. */
export function Reasons({ counts, sought }: { counts: Facts['quarantined']; sought: Sought }) {
  const all = REASONS.filter((reason) => counts[reason].count > 0)
  const unverified = all.filter((reason) => IS_UNVERIFIED.has(reason))
  const { reason } = sought
  return (
    <>
      <nav class="tools" aria-label="Reasons">
        <Filter sought={{}} isCurrent={reason === undefined} words="All" />
        {all.map((each) => (
          <Filter sought={{ reason: each }} isCurrent={each === reason} words={`${each} ${countWords(counts[each])}`} />
        ))}
      </nav>
      {unverified.length > 0 && (
        <p class="quiet">
          {`${countWords(totalOf(pick(counts, unverified)))} could not be verified or read, and wait to be looked at again: `}
          by themselves when a deploy or a changed secret puts another version in place, or now with Accept.
        </p>
      )}
    </>
  )
}

const IS_UNVERIFIED: ReadonlySet<Reason> = new Set<Reason>([
  'bad_signature',
  'not_configured',
  'wrong_path',
  'undecodable',
])

function pick(counts: Facts['quarantined'], reasons: readonly Reason[]): Partial<Facts['quarantined']> {
  return Object.fromEntries(reasons.map((reason) => [reason, counts[reason]]))
}

function countWords({ count, exact }: Count): string {
  return `${exact ? '' : 'over '}${count.toLocaleString('en')}`
}

function Filter({ sought, isCurrent, words }: { sought: Sought; isCurrent: boolean; words: string }) {
  return (
    <a href={quarantinePath(sought)} {...(isCurrent && { 'aria-current': 'true' })}>
      {words}
    </a>
  )
}

export function DeleteAll({ reason, count }: { reason: Reason; count: Count }) {
  if (count.count === 0) return <></>
  return (
    <details class="filter">
      <summary class="button">Delete all of this reason</summary>
      <form method="post" action="/quarantine/delete-all">
        <input type="hidden" name="reason" value={reason} />
        <button class="bad">{`Delete all ${countWords(count)} for good`}</button>
      </form>
    </details>
  )
}

export function Search({ sought: { reason, task_id } }: { sought: Sought }) {
  return (
    <form class="tools" role="search" action="/quarantine">
      {reason !== undefined && <input type="hidden" name="reason" value={reason} />}
      <input name="task_id" aria-label="Find a task_id" placeholder="Find a task_id" value={task_id ?? ''} />
      <button>Find</button>
    </form>
  )
}

export function soughtWords({ reason, task_id }: Sought): string {
  const all = [...(reason ? [`the reason ${reason}`] : []), ...(task_id ? [`the task_id ${task_id}`] : [])]
  return all.join(' and ') || 'an earlier time'
}

export function soughtOf({ reason, task_id }: Record<string, string>): Sought {
  const known = REASONS.find((each) => each === reason)
  const id = task_id?.trim()
  return { ...(known && { reason: known }), ...(id && { task_id: id }) }
}

/** The list's own path, with what is sought and where. */
export function quarantinePath(sought: Sought, where: Record<string, string> = {}): string {
  const query = new URLSearchParams({ ...sought, ...where })
  return query.size === 0 ? '/quarantine' : `/quarantine?${query.toString()}`
}
