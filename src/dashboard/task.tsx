/** One task: its facts, its pictures, the record as programs get it. */
import type { Context } from 'hono'
import type { CompletedRecord, SnapshotRecord } from '../event.ts'
import { operationOf, partOf } from '../http/api.ts'
import { removeSnapshot, republish } from '../operate.ts'
import { findTask, MOST_COUNTED, type StoredTask } from '../store/gallery.ts'
import { Ask, Facts, Moment, Note, Pager, Post, showFact, showPage, Text } from './layout.tsx'
import { Frame } from './pictures.tsx'
import { quarantinePath } from './quarantine.tsx'
import { numberOf, type PageEnv } from './page.ts'
import { capitalized, plural, taskPath, vendorName } from './format.ts'

export async function showTask(c: Context<PageEnv>): Promise<Response> {
  const stored = await findTask(c.env.DB, partOf(c.req.url, 2))
  if (stored === undefined) return noSuchTask(c)
  const record = JSON.parse(stored.record) as SnapshotRecord
  const from = Math.max((numberOf(c.req.query('from')) ?? 1) - 1, 0)
  return showPage(c, <Task record={record} stored={stored} from={from} />, { title: record.task_id })
}

function noSuchTask(c: Context<PageEnv>) {
  return showFact(c, 404, 'No such task is known', 'It may have been deleted, or its callback may still come.')
}

export async function sendTask(c: Context<PageEnv>): Promise<Response> {
  const task_id = partOf(c.req.url, 2)
  const status = await republish(task_id, operationOf(c))
  return c.redirect(`${taskPath(task_id)}?flash=${status === 'accepted' ? 'sent' : 'unsent'}`, 303)
}

export async function deleteTask(c: Context<PageEnv>): Promise<Response> {
  await removeSnapshot(partOf(c.req.url, 2), operationOf(c))
  return c.redirect('/?flash=deleted', 303)
}

type Task = {
  record: SnapshotRecord
  stored: StoredTask
  /** The index of the first picture that is shown. */
  from: number
}

/** A page of frames: a browser has enough to do with them. */
const MOST_FRAMES = 120

function Task({ record, stored, from }: Task) {
  const { task_id, status } = record
  return (
    <>
      <h1 class="id">{task_id}</h1>
      <span class={`status ${status}`}>{capitalized(status)}</span>
      <Facts of={factsOf(record, stored)} />
      {stored.in_quarantine > 0 && <InQuarantine task_id={task_id} count={stored.in_quarantine} />}
      {record.status === 'pending' && <p>Waiting for ZEGOCLOUD.</p>}
      {record.status === 'failed' && <p>ZEGOCLOUD: {record.error.message}</p>}
      <div class="acts">
        {status !== 'pending' && <Post to={`${taskPath(task_id)}/send`}>Send again</Post>}
        <Ask to={`${taskPath(task_id)}/delete`} words={['Delete', 'Delete it from D1 and KV for good']} />
      </div>
      {record.status === 'completed' && <Pictures record={record} from={from} />}
      <details>
        <summary class="button">Show JSON</summary>
        <Text text={JSON.stringify(record, null, 2)} />
      </details>
    </>
  )
}

function InQuarantine({ task_id, count }: { task_id: string; count: number }) {
  const words = count > MOST_COUNTED ? `Over ${plural(MOST_COUNTED, 'callback')}` : plural(count, 'callback')
  return (
    <Note>
      {words} for this task in quarantine. <a href={quarantinePath({ task_id })}>Show them</a>.
    </Note>
  )
}

function factsOf(record: SnapshotRecord, { kv_due, kv_refused, event_due }: StoredTask): Facts['of'] {
  const { status, vendor, appid } = record
  const source = status === 'completed' ? record.field_id : undefined
  const isAsked = status === 'completed' && record.via === 'query'
  return [
    ['Vendor', vendorName(vendor)],
    source !== undefined && ['Source file', <code>{source}</code>],
    ['App', <code>{appid}</code>],
    status === 'pending' && ['Registered', <Moment at={Date.parse(record.registered_at)} />],
    status !== 'pending' && [
      'Received',
      [<Moment at={Date.parse(record.received_at)} />, isAsked && ' · from ZEGOCLOUD’s query API'],
    ],
    status !== 'pending' && ['KV', kv_refused === null ? publicationWords(kv_due) : `Rejected for good: ${kv_refused}`],
    status !== 'pending' && ['Queue', publicationWords(event_due)],
  ]
}

function publicationWords(due: number | null): string {
  return due === null ? 'Published' : 'Not yet published'
}

function Pictures({ record, from }: { record: CompletedRecord; from: number }) {
  const pictures = record.snapshot_pic_list
  const path = (to: number) => `${taskPath(record.task_id)}?from=${Math.max(to, 0) + 1}`
  const isMore = from + MOST_FRAMES < pictures.length
  return (
    <>
      <h2>{plural(pictures.length, 'picture')}</h2>
      <ul class="sheet">
        {pictures.slice(from, from + MOST_FRAMES).map((picture, n) => (
          <Frame picture={picture} n={from + n} count={pictures.length} />
        ))}
      </ul>
      <Pager
        newer={from > 0 ? path(from - MOST_FRAMES) : undefined}
        older={isMore ? path(from + MOST_FRAMES) : undefined}
        words={['Earlier pictures', 'Later pictures']}
      />
    </>
  )
}
