/** One callback that was kept aside, whole, beside what stands against it. */
import type { QuarantineEntry } from '../store/quarantine.ts'
import { REMEDY } from './kept.ts'
import { Age, Csrf, Page, type Top } from './layout.tsx'
import { Delete, Note, pathOfEntry, Sentence, TakeIn } from './quarantine.tsx'
import { pathOfTask } from './task.tsx'

const SHOWN_BODY_LENGTH = 100_000

/** `record` is what would be stored of it, `stored` what stands against it, if there is such a thing. */
type EntryPage = {
  top: Top
  kept: QuarantineEntry
  record: unknown
  stored: unknown
  note: string | undefined
  now: number
}

export function EntryPage({ top, kept, record, stored, note, now }: EntryPage) {
  const { id, reason, detail, task_id, received_at, body } = kept
  return (
    <Page title="ListedEntry aside" top={top} place="Quarantine">
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
      <form method="post" action={`${pathOfEntry(id)}/retry`}>
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
