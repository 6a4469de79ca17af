/** One entry of the quarantine, whole, beside what it competes with. */
import type { QuarantineEntry } from '../store/quarantine.ts'
import { Age } from './layout.tsx'
import { Accept, Delete, Sentence } from './quarantine.tsx'
import { REMEDY } from './reasons.ts'
import { entryPath, taskPath } from './words.ts'

const SHOWN_BODY_LENGTH = 100_000

/** `record` is what would be stored of it, `stored` what is stored for its task, if there is such a thing. */
type Entry = { entry: QuarantineEntry; record: unknown; stored: unknown }

export function Entry({ entry, record, stored }: Entry) {
  const { id, reason, detail, task_id, received_at, body } = entry
  return (
    <>
      <h1>
        <Sentence entry={entry} />
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
              <a href={taskPath(task_id)}>
                <code>{task_id}</code>
              </a>
            </dd>
          </>
        )}
        <dt>Received</dt>
        <dd>
          <Age at={received_at} />
        </dd>
      </dl>
      <div class="pair">
        {record !== undefined && <Text title="What would be stored" text={pretty(record)} />}
        {stored !== undefined && <Text title="What is stored" text={pretty(stored)} />}
      </div>
      <Text title="As it was received" text={body} />
      <div class="acts">
        {REMEDY[reason] === 'accept' && <Accept id={id} />}
        {REMEDY[reason] === 'compare' && <Replace id={id} />}
        <Delete ids={[id]} />
      </div>
    </>
  )
}

/** Asks in place: what is stored goes to the quarantine. */
function Replace({ id }: { id: string }) {
  return (
    <details>
      <summary class="button">Replace the stored result</summary>
      <form method="post" action={`${entryPath(id)}/retry`}>
        <input type="hidden" name="replace" value="true" />
        <button class="bad">Store this one, and put the other into quarantine</button>
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
