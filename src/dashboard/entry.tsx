/** One entry of the quarantine, whole, beside what it competes with. */
import type { Context } from 'hono'
import type { Child } from 'hono/jsx'
import { isRefusalCode, type RefusalCode, REFUSALS } from '../callback/refusal.ts'
import type { SnapshotRecord } from '../event.ts'
import { operationOf, partOf } from '../http/api.ts'
import { retryEntry } from '../operate.ts'
import { admitByHand } from '../quarantine/retry.ts'
import type { Env, Settings } from '../settings.ts'
import { firstUseOf } from '../store/gallery.ts'
import { findEntry, type ListedEntry, type QuarantineEntry, type Reason } from '../store/quarantine.ts'
import { findRecord } from '../store/snapshots.ts'
import { type Column, Comparison } from './compare.tsx'
import { Ask, Facts, Moment, Note, Post, showFact, showPage, Text } from './layout.tsx'
import { formOf, type PageEnv } from './page.ts'
import { entryPath, taskPath } from './format.ts'

/** It lost to other content, which is shown beside it. */
export function isCompared(reason: Reason): boolean {
  return reason === 'conflict' || reason === 'signature_reused' || reason === 'replaced'
}

/** Accept works for sure; of any other reason, the entry is read again before Accept is offered. */
export function isAcceptable(reason: Reason): boolean {
  return reason === 'unknown_app' || reason === 'invalid_timestamp' || reason === 'stale'
}

/** What is no refusal: these were answered 202, or lost to another result. */
const SENTENCES: Record<Exclude<Reason, RefusalCode>, (entry: ListedEntry) => Child> = {
  invalid_snapshot: ({ detail }) => `It cannot be read as a snapshot. ${detail}`,
  unsupported_event: ({ event }) => (
    <>
      Another kind of callback: <code>{event ?? 'none'}</code>. Ask ZEGOCLOUD to send only <code>snapshot</code> here.
    </>
  ),
  conflict: () => 'Another result is stored for this task. Compare the two: one of them may be forged.',
  replaced: () => 'Another result was stored in its place. It can be put back.',
}

/** Each is true of a callback of ZEGOCLOUD and of a forged one. */
export function sentenceOf(entry: ListedEntry): Child {
  const { reason } = entry
  return isRefusalCode(reason) ? `${REFUSALS[reason].title}. ${REFUSALS[reason].remedy}` : SENTENCES[reason](entry)
}

const GONE = 'It may have been accepted, deleted, or dropped after 30 days.'

export async function showEntry(c: Context<PageEnv>): Promise<Response> {
  const entry = await findEntry(c.env.DB, partOf(c.req.url, 2))
  if (entry === undefined) return showFact(c, 404, 'Nothing is in quarantine under this id', GONE)
  const own = await recordOf(entry, c.get('settings'))
  const contest = isCompared(entry.reason) ? await contestOf(entry, own, c.env) : undefined
  const page = <Entry entry={entry} own={own} contest={contest} />
  return showPage(c, page, { title: 'In quarantine', section: 'Quarantine' })
}

export async function retryOne(c: Context<PageEnv>): Promise<Response> {
  const id = partOf(c.req.url, 2)
  const retried = await retryEntry(id, (await formOf(c)).get('replace') === 'true', operationOf(c))
  if (retried === undefined) return c.redirect('/quarantine', 303)
  const { status } = retried
  if (status === 'stored' || status === 'duplicate') return c.redirect(`/quarantine?flash=${status}`, 303)
  return c.redirect(`${entryPath(id)}?flash=still`, 303)
}

/** The record that would be stored of it now, if any. */
async function recordOf(entry: QuarantineEntry, settings: Settings): Promise<SnapshotRecord | undefined> {
  if (entry.reason === 'replaced') return JSON.parse(new TextDecoder().decode(entry.body)) as SnapshotRecord
  const admitted = await admitByHand(entry, settings)
  if ('refusal' in admitted || !('record' in admitted.callback.snapshot)) return undefined
  return admitted.callback.snapshot.record
}

/** What an entry competes with. */
type Contest = {
  /** The entry, what is stored for its task, and what is stored with its signature. */
  columns: readonly Column[]
  /** The entry of its signature's other content, where that is in quarantine. */
  firstId: string | undefined
}

async function contestOf(
  entry: QuarantineEntry,
  own: SnapshotRecord | undefined,
  { DB }: Pick<Env, 'DB'>,
): Promise<Contest> {
  const [stored, use] = await Promise.all([
    entry.task_id === null ? undefined : findRecord(DB, entry.task_id),
    entry.reason === 'signature_reused' ? firstUseOf(DB, entry.signature) : undefined,
  ])
  const first = use?.record === stored?.record ? undefined : use?.record
  const columns = [
    { title: 'This one', record: own },
    { title: 'Stored for its task', record: parsed(stored?.record) },
    { title: 'Stored with its signature', record: parsed(first) },
  ].filter((column): column is Column => column.record !== undefined)
  return { columns, firstId: use?.record ? undefined : (use?.entryId ?? undefined) }
}

const parsed = (record: string | null | undefined) => (record ? (JSON.parse(record) as SnapshotRecord) : undefined)

type Entry = { entry: QuarantineEntry; own: SnapshotRecord | undefined; contest: Contest | undefined }

function Entry({ entry, own, contest }: Entry) {
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
      {/* The detail of a refusal says what to do. */}
      <h1>{isRefusalCode(reason) ? REFUSALS[reason].title : sentenceOf(entry)}</h1>
      <Facts of={facts} />
      <div class="acts">{contest ? <Choices id={id} own={own} contest={contest} /> : <Usual id={id} own={own} />}</div>
      {contest && <Comparison columns={contest.columns} />}
      {contest?.firstId !== undefined && (
        <Note>
          The callback that used this signature first is also in quarantine:{' '}
          <a href={entryPath(contest.firstId)}>open it</a>.
        </Note>
      )}
      <h2>As it was received</h2>
      <Text text={new TextDecoder().decode(body)} />
    </>
  )
}

/** Accept is offered where it stores a record. */
function Usual({ id, own }: { id: string; own: Entry['own'] }) {
  return (
    <>
      {own && <Accept id={id} />}
      <Delete id={id} />
      {!own && <small>With today’s settings it cannot be accepted.</small>}
    </>
  )
}

const STORE = ['Store this one', 'Store it'] as const
const REPLACE = ['Replace the stored result', 'Store this one, and put what is stored into quarantine'] as const
const KEEP = ['Keep the stored result', 'Keep it, and delete this one for good'] as const

/** Whatever is chosen, one of them goes. */
function Choices({ id, own, contest: { columns } }: { id: string; own: Entry['own']; contest: Contest }) {
  const isAlone = columns.length === (own ? 1 : 0)
  const path = entryPath(id)
  return (
    <>
      {own && <Ask to={`${path}/retry`} fields={[['replace', 'true']]} words={isAlone ? STORE : REPLACE} />}
      <Delete id={id} words={isAlone ? undefined : KEEP} />
    </>
  )
}

export const Accept = ({ id }: { id: string }) => <Post to={`${entryPath(id)}/retry`}>Accept</Post>

type Delete = { id: string; words?: readonly [string, string] | undefined }

export const Delete = ({ id, words = ['Delete', 'Delete it for good'] }: Delete) => (
  <Ask to={`${entryPath(id)}/delete`} words={words} />
)
