/** One entry of the quarantine, whole, beside what it competes with. */
import type { Env } from '../settings.ts'
import { firstUseOf } from '../store/gallery.ts'
import type { QuarantineEntry } from '../store/quarantine.ts'
import { findRecord } from '../store/snapshots.ts'
import type { SnapshotRecord } from '../event.ts'
import { canBeAsked } from './answer.tsx'
import { type Column, Comparison } from './compare.tsx'
import { Ask, Facts, Moment, Note, Post, Text } from './parts.tsx'
import { Accept, Delete } from './quarantine.tsx'
import { recordOf, REMEDY, Sentence } from './reasons.tsx'
import { useVisit } from './visit.ts'
import { entryPath, taskPath } from './words.ts'

/** An entry and what it competes with. */
export type Contest = {
  /** What would be stored of it, if it is a snapshot that can be used. */
  own: SnapshotRecord | undefined
  /** That, what is stored for its task, and what is stored with its signature. */
  columns: readonly Column[]
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
  const first = use?.record === stored?.record ? undefined : use?.record
  const columns = [
    { title: 'This one', record: own },
    { title: 'Stored for its task', record: parsed(stored?.record) },
    { title: 'Stored with its signature', record: parsed(first) },
  ].filter((column): column is Column => column.record !== undefined)
  return { own, columns, firstId: use?.record ? undefined : (use?.entryId ?? undefined) }
}

const parsed = (record: string | null | undefined) => (record ? (JSON.parse(record) as SnapshotRecord) : undefined)

export function Entry({ entry, contest }: { entry: QuarantineEntry; contest: Contest | undefined }) {
  const { id, reason, detail, task_id, received_at, body } = entry
  const facts: Facts['of'] = [
    ['Reason', <code>{reason}</code>],
    ['Detail', detail],
    task_id !== null && [
      'Task',
      <a href={taskPath(task_id)}>
        <code>{task_id}</code>
      </a>,
    ],
    ['Received', <Moment at={received_at} />],
  ]
  return (
    <>
      <h1>
        <Sentence entry={entry} />
      </h1>
      <Facts of={facts} />
      <div class="acts">
        {REMEDY[reason] === 'accept' && <Accept id={id} />}
        {contest ? <Choices id={id} contest={contest} /> : <Delete ids={[id]} />}
      </div>
      {contest && <Comparison columns={contest.columns} />}
      {contest?.firstId !== undefined && (
        <Note>
          What used its signature first is in quarantine too: <a href={entryPath(contest.firstId)}>look at it</a>.
        </Note>
      )}
      <h2>As it was received</h2>
      <Text text={new TextDecoder().decode(body)} />
    </>
  )
}

const STORE = ['Store this one', 'Store it'] as const
const REPLACE = ['Replace the stored result', 'Store this one, and put what is stored into quarantine'] as const
const KEEP = ['Keep the stored result', 'Keep it, and delete this one for good'] as const

/** Whatever is chosen, one of them goes. */
function Choices({ id, contest: { own, columns } }: { id: string; contest: Contest }) {
  const isAlone = columns.length === (own ? 1 : 0)
  const path = entryPath(id)
  return (
    <>
      {own && canBeAsked(useVisit().get('settings'), own) && (
        <Post to={`${path}/confirmation`}>Ask ZEGOCLOUD which is its own</Post>
      )}
      {own && <Ask to={`${path}/retry`} fields={[['replace', 'true']]} words={isAlone ? STORE : REPLACE} />}
      <Delete ids={[id]} words={isAlone ? undefined : KEEP} />
    </>
  )
}
