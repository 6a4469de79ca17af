/** What is in quarantine, in sentences, and what can be done about it. */
import { type Count, type HealthFacts, totalOf } from '../store/health.ts'
import { type ListedEntry, REASONS, UNVERIFIED_REASONS } from '../store/quarantine.ts'
import { Age, Ask, Fact, Moment, Pager, Post } from './parts.tsx'
import { type Group, REMEDY, Sentence } from './reasons.tsx'
import { quarantinePath, type SoughtInQuarantine as Sought } from './sought.ts'
import { entryPath } from './words.ts'

type Counts = HealthFacts['quarantined']

type Quarantine = {
  groups: readonly Group[]
  beginnings: ReadonlyMap<string, string>
  /** How many there are of each reason; `undefined` while D1 does not tell. */
  counts: Counts | undefined
  sought: Sought
  newest: string | undefined
  older: string | undefined
}

/** As much of a body as a list shows. */
export const BEGINNING_LENGTH = 2000

export function Quarantine({ groups, beginnings, counts, sought, newest, older }: Quarantine) {
  if (groups.length === 0 && newest === undefined && Object.keys(sought).length === 0) return <Nothing />
  return (
    <>
      <h1>In quarantine</h1>
      <small>Callbacks that are not stored as results, whole, for 30 days.</small>
      {counts && <Reasons counts={counts} sought={sought} />}
      <div class="tools">
        <Search sought={sought} />
        {sought.reason && counts && <DeleteAll reason={sought.reason} count={counts[sought.reason]} />}
      </div>
      {groups.length === 0 && <p class="quiet">{`Nothing in quarantine has ${soughtWords(sought)}.`}</p>}
      <ul class="entries">
        {groups.map((group) => (
          <Row group={group} beginnings={beginnings} />
        ))}
      </ul>
      <Pager newer={newest} older={older} words={['Newest', 'Older']} />
    </>
  )
}

const Nothing = () => (
  <Fact title="Nothing is in quarantine">
    <p>What ZEGOCLOUD sends and cannot be stored as a result is kept here, whole, for 30 days.</p>
  </Fact>
)

/** Each reason with its count, as a filter. */
function Reasons({ counts, sought }: { counts: Counts; sought: Sought }) {
  const waiting = totalOf(Object.fromEntries(UNVERIFIED_REASONS.map((reason) => [reason, counts[reason]])))
  const filters = [undefined, ...REASONS.filter((reason) => counts[reason].count > 0)]
  return (
    <>
      <nav class="tools" aria-label="Reasons">
        {filters.map((reason) => (
          <a
            href={quarantinePath(reason ? { reason } : {})}
            aria-current={reason === sought.reason ? 'true' : undefined}
          >
            {reason === undefined ? 'All' : `${reason} ${countWords(counts[reason])}`}
          </a>
        ))}
      </nav>
      {waiting.count > 0 && (
        <p class="quiet">
          {`${countWords(waiting)} could not be verified or read, and wait to be looked at again: `}
          by themselves when a deploy or a changed secret puts another version in place, or now with Accept.
        </p>
      )}
    </>
  )
}

function countWords({ count, exact }: Count): string {
  return `${exact ? '' : 'over '}${count.toLocaleString('en')}`
}

function DeleteAll({ reason, count }: { reason: string; count: Count }) {
  if (count.count === 0) return <></>
  const words = ['Delete all of this reason', `Delete all ${countWords(count)} for good`] as const
  return <Ask to="/quarantine/delete-all" fields={[['reason', reason]]} words={words} />
}

function Search({ sought: { reason, task_id } }: { sought: Sought }) {
  return (
    <form class="tools" role="search" action="/quarantine">
      {reason !== undefined && <input type="hidden" name="reason" value={reason} />}
      <input name="task_id" aria-label="Find a task_id" placeholder="Find a task_id" value={task_id ?? ''} />
      <button>Find</button>
    </form>
  )
}

function soughtWords({ reason, task_id }: Sought): string {
  const all = [...(reason ? [`the reason ${reason}`] : []), ...(task_id ? [`the task_id ${task_id}`] : [])]
  return all.join(' and ') || 'an earlier time'
}

function Row({ group, beginnings }: Pick<Quarantine, 'beginnings'> & { group: Group }) {
  const last = group[0]!
  const isAlone = group.length === 1
  return (
    <li>
      <div>
        <Sentence entry={last} />
        <small>
          <code>{last.reason}</code>
          {last.task_id !== null && (isAlone || last.reason !== 'unsupported_event') && (
            <>
              {' · task '}
              <code>{last.task_id}</code>
            </>
          )}
          {!isAlone && ` · ${group.length} of them here`}
        </small>
        <details>
          <summary>
            <small>{isAlone ? 'Show the body' : 'Show them'}</small>
          </summary>
          {group.map((entry) => (
            <Body entry={entry} beginning={beginnings.get(entry.id) ?? ''} />
          ))}
        </details>
      </div>
      <small>
        {!isAlone && 'last one '}
        <Age at={last.received_at} />
      </small>
      <div class="acts">
        {isAlone && <Remedy entry={last} />}
        <Delete ids={group.map(({ id }) => id)} />
      </div>
    </li>
  )
}

function Body({ entry: { id, received_at }, beginning }: { entry: ListedEntry; beginning: string }) {
  return (
    <>
      <pre tabindex={0}>{beginning.toWellFormed()}</pre>
      <small>
        <a href={entryPath(id)}>{beginning.length < BEGINNING_LENGTH ? 'On a page of its own' : 'The whole body'}</a>
        {', received '}
        <Moment at={received_at} />
      </small>
    </>
  )
}

function Remedy({ entry: { id, reason } }: { entry: ListedEntry }) {
  if (REMEDY[reason] === 'accept') return <Accept id={id} />
  if (REMEDY[reason] === 'none') return <></>
  return (
    <a class="button" href={entryPath(id)}>
      Compare
    </a>
  )
}

export const Accept = ({ id }: { id: string }) => <Post to={`${entryPath(id)}/retry`}>Accept</Post>

type Delete = { ids: readonly string[]; words?: readonly [string, string] | undefined }

export function Delete({ ids, words }: Delete) {
  const isOne = ids.length === 1
  const usual = isOne
    ? (['Delete', 'Delete it for good'] as const)
    : (['Delete all', `Delete all ${ids.length} for good`] as const)
  return <Ask to="/quarantine/delete" fields={ids.map((id) => ['id', id])} words={words ?? usual} />
}
