/** What was kept aside, in sentences, and what can be done about it. */
import type { ListedEntry } from '../store/quarantine.ts'
import { Pager } from './gallery.tsx'
import { type Group, REMEDY, sentenceOf } from './kept.ts'
import { Age, Csrf, Page, type Top } from './layout.tsx'

export type Quarantine = {
  top: Top
  groups: readonly Group[]
  beginnings: ReadonlyMap<string, string>
  newest: string | undefined
  older: string | undefined
  note: string | undefined
  now: number
}

/** As much of a body as a list shows. */
export const BEGINNING_LENGTH = 2000

export function Quarantine({ top, groups, beginnings, newest, older, note, now }: Quarantine) {
  return (
    <Page title="Quarantine" top={top} place="Quarantine">
      <Note note={note} />
      {groups.length === 0 ? (
        <div class="empty">
          <h1>Nothing is kept aside</h1>
          <p>What ZEGOCLOUD signed and cannot be stored as a result is kept here, whole, for 30 days.</p>
        </div>
      ) : (
        <>
          <h1>ListedEntry aside</h1>
          <small>Signed by ZEGOCLOUD, but not stored as results.</small>
          <table>
            <tbody>
              {groups.map((group) => (
                <Row group={group} beginnings={beginnings} csrf={top.csrf} now={now} />
              ))}
            </tbody>
          </table>
        </>
      )}
      <Pager newer={newest} older={older} words={['Newest', 'Older']} />
    </Page>
  )
}

export function Note({ note }: { note: string | undefined }) {
  if (note === undefined) return <></>
  return (
    <p class="note" role="status">
      {note}
    </p>
  )
}

function Row({
  group: { kept },
  beginnings,
  csrf,
  now,
}: Pick<Quarantine, 'beginnings' | 'now'> & { group: Group; csrf: string }) {
  const [last] = kept
  const isAlone = kept.length === 1
  return (
    <tr>
      <td>
        <Sentence kept={last} />
        <small>
          <code>{last.reason}</code>
          {last.task_id !== null && (isAlone || last.reason !== 'unsupported_event') && (
            <>
              {' · task '}
              <code>{last.task_id}</code>
            </>
          )}
          {!isAlone && ` · ${kept.length} of them here`}
        </small>
        <details>
          <summary>
            <small>{isAlone ? 'Show the body' : 'Show them'}</small>
          </summary>
          {kept.map((each) => (
            <Body kept={each} beginning={beginnings.get(each.id) ?? ''} />
          ))}
        </details>
      </td>
      <td class="age">
        <small>
          {!isAlone && 'last '}
          <Age at={last.received_at} now={now} />
        </small>
      </td>
      <td>
        <div class="acts">
          {isAlone && <Remedy kept={last} csrf={csrf} />}
          <Delete ids={kept.map(({ id }) => id)} csrf={csrf} />
        </div>
      </td>
    </tr>
  )
}

export function Sentence({ kept }: { kept: ListedEntry }) {
  return <>{sentenceOf(kept).map((part) => (typeof part === 'string' ? part : <code>{part.code}</code>))}</>
}

function Body({ kept: { id, received_at }, beginning }: { kept: ListedEntry; beginning: string }) {
  return (
    <>
      <pre tabindex={0}>{beginning.toWellFormed()}</pre>
      <small>
        <a href={pathOfEntry(id)}>{beginning.length < BEGINNING_LENGTH ? 'On a page of its own' : 'The whole body'}</a>
        {`, received ${new Date(received_at).toISOString()}`}
      </small>
    </>
  )
}

function Remedy({ kept: { id, reason }, csrf }: { kept: ListedEntry; csrf: string }) {
  if (REMEDY[reason] === 'compare') {
    return (
      <a class="button" href={pathOfEntry(id)}>
        Compare
      </a>
    )
  }
  return REMEDY[reason] === 'take' ? <TakeIn id={id} csrf={csrf} /> : <></>
}

export function TakeIn({ id, csrf }: { id: string; csrf: string }) {
  return (
    <form method="post" action={`${pathOfEntry(id)}/retry`}>
      <Csrf csrf={csrf} />
      <button>Take it in</button>
    </form>
  )
}

/** Asks in place. */
export function Delete({ ids, csrf }: { ids: readonly string[]; csrf: string }) {
  const isOne = ids.length === 1
  return (
    <details>
      <summary class="button">{isOne ? 'Delete' : 'Delete all'}</summary>
      <form method="post" action="/quarantine/delete">
        <Csrf csrf={csrf} />
        {ids.map((id) => (
          <input type="hidden" name="id" value={id} />
        ))}
        <button class="bad">{isOne ? 'Delete it for good' : `Delete all ${ids.length} for good`}</button>
      </form>
    </details>
  )
}

export function pathOfEntry(id: string): string {
  return `/quarantine/${encodeURIComponent(id.toWellFormed())}`
}
