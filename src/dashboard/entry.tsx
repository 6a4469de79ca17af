/** One entry of the quarantine, whole, beside what it competes with. */
import type { Env } from '../settings.ts'
import { firstUseOf } from '../store/gallery.ts'
import type { QuarantineEntry } from '../store/quarantine.ts'
import { findRecord } from '../store/snapshots.ts'
import type { SnapshotRecord } from '../event.ts'
import { canBeAsked } from './answer.tsx'
import { type Column, Comparison } from './compare.tsx'
import { Moment } from './layout.tsx'
import { Accept, Delete, Sentence } from './quarantine.tsx'
import { recordOf, REMEDY } from './reasons.ts'
import { useVisit } from './visit.ts'
import { entryPath, taskPath } from './words.ts'

const SHOWN_BODY_LENGTH = 100_000

/** An entry and what it competes with. */
export type Contest = {
  /** What would be stored of it, if it is a snapshot that can be used. */
  own: SnapshotRecord | undefined
  /** What is stored for its task. */
  stored: SnapshotRecord | undefined
  /** What is stored of its signature's other content. */
  first: SnapshotRecord | undefined
  /** The entry of its signature's other content, where that is in quarantine. */
  firstId: string | undefined
}

/** Throws when D1 cannot answer. */
export async function contestOf(entry: QuarantineEntry, { DB }: Pick<Env, 'DB'>): Promise<Contest | undefined> {
  if (REMEDY[entry.reason] !== 'compare') return undefined
  const isReused = entry.reason === 'signature_reused'
  const [own, stored, use] = await Promise.all([
    recordOf(entry),
    entry.task_id === null ? undefined : findRecord(DB, entry.task_id),
    isReused ? firstUseOf(DB, entry.signature) : undefined,
  ])
  const first = use?.record && use.record !== stored?.record ? use.record : undefined
  return {
    own,
    stored: stored && (JSON.parse(stored.record) as SnapshotRecord),
    first: first ? (JSON.parse(first) as SnapshotRecord) : undefined,
    firstId: use?.record ? undefined : (use?.entryId ?? undefined),
  }
}

export function columnsOf({ own, stored, first }: Contest): Column[] {
  return [
    ...(own ? [{ title: 'This one', record: own }] : []),
    ...(stored ? [{ title: 'Stored for its task', record: stored }] : []),
    ...(first ? [{ title: 'Stored with its signature', record: first }] : []),
  ]
}

type Entry = { entry: QuarantineEntry; contest: Contest | undefined; columns: readonly Column[] }

export function Entry({ entry, contest, columns }: Entry) {
  const { id, reason, body } = entry
  return (
    <>
      <h1>
        <Sentence entry={entry} />
      </h1>
      <Facts entry={entry} />
      <div class="acts">
        {REMEDY[reason] === 'accept' && <Accept id={id} />}
        {contest ? <Choices id={id} contest={contest} /> : <Delete ids={[id]} />}
      </div>
      {contest && <Comparison columns={columns} />}
      {contest?.firstId !== undefined && (
        <p class="flash">
          What used its signature first is in quarantine too: <a href={entryPath(contest.firstId)}>look at it</a>.
        </p>
      )}
      <Text title="As it was received" text={new TextDecoder().decode(body)} />
    </>
  )
}

function Facts({ entry: { reason, detail, task_id, received_at } }: Pick<Entry, 'entry'>) {
  return (
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
        <Moment at={received_at} />
      </dd>
    </dl>
  )
}

/** Asks in place: whatever is chosen, one of them goes. */
function Choices({ id, contest: { own, stored, first } }: { id: string; contest: Contest }) {
  const isAlone = !stored && !first
  return (
    <>
      {own && canBeAsked(useVisit().get('settings'), own) && (
        <form method="post" action={`${entryPath(id)}/confirmation`}>
          <button>Ask ZEGOCLOUD which is its own</button>
        </form>
      )}
      {own && (
        <details>
          <summary class="button">{isAlone ? 'Store this one' : 'Replace the stored result'}</summary>
          <form method="post" action={`${entryPath(id)}/retry`}>
            <input type="hidden" name="replace" value="true" />
            <button class="bad">
              {isAlone ? 'Store it' : 'Store this one, and put what is stored into quarantine'}
            </button>
          </form>
        </details>
      )}
      <Delete
        ids={[id]}
        words={isAlone ? undefined : ['Keep the stored result', 'Keep it, and delete this one for good']}
      />
    </>
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
