/** What was kept aside, in sentences, and what can be done about it. */
import type { FullyKept, Kept } from '../store/quarantine.ts'
import { Turns } from './gallery.tsx'
import { type Group, REMEDY, sentenceOf } from './kept.ts'
import { Age, Csrf, Page, type Top } from './layout.tsx'
import { pathOfTask } from './task.tsx'

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
const SHOWN_BODY_LENGTH = 100_000

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
          <h1>Kept aside</h1>
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
      <Turns newer={newest} older={older} words={['Newest', 'Older']} />
    </Page>
  )
}

function Note({ note }: { note: string | undefined }) {
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

function Sentence({ kept }: { kept: Kept }) {
  return <>{sentenceOf(kept).map((part) => (typeof part === 'string' ? part : <code>{part.code}</code>))}</>
}

function Body({ kept: { id, received_at }, beginning }: { kept: Kept; beginning: string }) {
  return (
    <>
      <pre tabindex={0}>{beginning.toWellFormed()}</pre>
      <small>
        <a href={pathOfKept(id)}>{beginning.length < BEGINNING_LENGTH ? 'On a page of its own' : 'The whole body'}</a>
        {`, received ${new Date(received_at).toISOString()}`}
      </small>
    </>
  )
}

function Remedy({ kept: { id, reason }, csrf }: { kept: Kept; csrf: string }) {
  if (REMEDY[reason] === 'compare') {
    return (
      <a class="button" href={pathOfKept(id)}>
        Compare
      </a>
    )
  }
  return REMEDY[reason] === 'take' ? <TakeIn id={id} csrf={csrf} /> : <></>
}

function TakeIn({ id, csrf }: { id: string; csrf: string }) {
  return (
    <form method="post" action={`${pathOfKept(id)}/retry`}>
      <Csrf csrf={csrf} />
      <button>Take it in</button>
    </form>
  )
}

/** Asks in place. */
function Delete({ ids, csrf }: { ids: readonly string[]; csrf: string }) {
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

export function pathOfKept(id: string): string {
  return `/quarantine/${encodeURIComponent(id.toWellFormed())}`
}

/** `record` is what would be stored of it, `stored` what stands against it, if there is such a thing. */
type KeptPage = { top: Top; kept: FullyKept; record: unknown; stored: unknown; note: string | undefined; now: number }

export function KeptPage({ top, kept, record, stored, note, now }: KeptPage) {
  const { id, reason, detail, task_id, received_at, body } = kept
  return (
    <Page title="Kept aside" top={top} place="Quarantine">
      <Note note={note} />
      <h1>
        <Sentence kept={kept} />
      </h1>
      <dl>
        <dt>Reason</dt>
        <dd>
          <code>{reason}</code>
        </dd>
        <dt>Detail</dt>
        <dd>{detail}</dd>
        {task_id !== null && (
          <>
            <dt>Task</dt>
            <dd>
              <a href={pathOfTask(task_id)}>
                <code>{task_id}</code>
              </a>
            </dd>
          </>
        )}
        <dt>Received</dt>
        <dd>
          <Age at={received_at} now={now} />
        </dd>
      </dl>
      <div class="pair">
        {record !== undefined && <Text title="What would be stored" text={pretty(record)} />}
        {stored !== undefined && <Text title="What is stored" text={pretty(stored)} />}
      </div>
      <Text title="As it was received" text={body} />
      <div class="acts">
        {REMEDY[reason] === 'take' && <TakeIn id={id} csrf={top.csrf} />}
        {REMEDY[reason] === 'compare' && <TakeInstead id={id} csrf={top.csrf} />}
        <Delete ids={[id]} csrf={top.csrf} />
      </div>
    </Page>
  )
}

/** Asks in place: what is stored goes to the quarantine. */
function TakeInstead({ id, csrf }: { id: string; csrf: string }) {
  return (
    <details>
      <summary class="button">Take it in instead</summary>
      <form method="post" action={`${pathOfKept(id)}/retry`}>
        <Csrf csrf={csrf} />
        <input type="hidden" name="replace" value="true" />
        <button class="bad">Store this one, and keep the other aside</button>
      </form>
    </details>
  )
}

function Text({ title, text }: { title: string; text: string }) {
  const shown = text.slice(0, SHOWN_BODY_LENGTH).toWellFormed()
  return (
    <section>
      <h2>{title}</h2>
      <pre tabindex={0}>{shown}</pre>
      {shown.length < text.length && <small>{`The first ${SHOWN_BODY_LENGTH} characters of ${text.length}.`}</small>}
    </section>
  )
}

function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2)
}
