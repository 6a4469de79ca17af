/** What is in quarantine, in sentences, and what can be done about it. */
import type { Facts } from '../store/facts.ts'
import type { ListedEntry } from '../store/quarantine.ts'
import { Age, Moment, Pager } from './layout.tsx'
import { DeleteAll, Reasons, Search, type Sought, soughtWords } from './quarantine-filter.tsx'
import { type Group, REMEDY, sentenceOf } from './reasons.ts'
import { entryPath } from './words.ts'

type Quarantine = {
  groups: readonly Group[]
  beginnings: ReadonlyMap<string, string>
  /** How many there are of each reason; `undefined` while D1 does not tell. */
  counts: Facts['quarantined'] | undefined
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

function Nothing() {
  return (
    <div class="empty">
      <h1>Nothing is in quarantine</h1>
      <p>What ZEGOCLOUD sends and cannot be stored as a result is kept here, whole, for 30 days.</p>
    </div>
  )
}

function Row({ group, beginnings }: Pick<Quarantine, 'beginnings'> & { group: Group }) {
  const [last] = group
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
        {!isAlone && 'last '}
        <Age at={last.received_at} />
      </small>
      <div class="acts">
        {isAlone && <Remedy entry={last} />}
        <Delete ids={group.map(({ id }) => id)} />
      </div>
    </li>
  )
}

export function Sentence({ entry }: { entry: ListedEntry }) {
  return <>{sentenceOf(entry).map((part) => (typeof part === 'string' ? part : <code>{part.code}</code>))}</>
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

export function Accept({ id }: { id: string }) {
  return (
    <form method="post" action={`${entryPath(id)}/retry`}>
      <button>Accept</button>
    </form>
  )
}

type Delete = { ids: readonly string[]; words?: readonly [string, string] | undefined }

/** Asks in place. */
export function Delete({ ids, words }: Delete) {
  const [first, second] =
    words ?? (ids.length === 1 ? ['Delete', 'Delete it for good'] : ['Delete all', `Delete all ${ids.length} for good`])
  return (
    <details>
      <summary class="button">{first}</summary>
      <form method="post" action="/quarantine/delete">
        {ids.map((id) => (
          <input type="hidden" name="id" value={id} />
        ))}
        <button class="bad">{second}</button>
      </form>
    </details>
  )
}
