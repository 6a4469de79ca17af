/** One task: its facts, its pictures along the time, the record as programs get it. */
import type { CompletedRecord, SnapshotRecord } from '../event.ts'
import { MOST_COUNTED, type StoredTask } from '../store/gallery.ts'
import { Answer, canBeAsked, type ZegoAnswer } from './answer.tsx'
import { Ask, Facts, Moment, Note, Pager, Post, Text } from './parts.tsx'
import { Sheet, TimeLine } from './pictures.tsx'
import { quarantinePath } from './sought.ts'
import { useVisit } from './visit.ts'
import { duration, plural, statusTitle, taskPath, vendorName, waitingWords } from './words.ts'

type Task = {
  record: SnapshotRecord
  stored: StoredTask
  /** The index of the first picture that is shown. */
  from: number
  /** What ZEGOCLOUD has just said of it. */
  answer: ZegoAnswer | undefined
}

/** A page of frames: a browser has enough to do with them. */
const MOST_FRAMES = 120

export function Task({ record, stored, from, answer }: Task) {
  const { task_id, status } = record
  return (
    <>
      <div class="tools">
        <h1 class="id">{task_id}</h1>
        <button type="button" hidden data-copy={task_id}>
          Copy
        </button>
      </div>
      <span class={`status ${status}`}>{statusTitle(status)}</span>
      <Facts of={factsOf(record, stored)} />
      {stored.in_quarantine > 0 && <InQuarantine task_id={task_id} count={stored.in_quarantine} />}
      {record.status === 'pending' && <p>{waitingWords(canBeAsked(useVisit().get('settings'), record))}</p>}
      {record.status === 'failed' && <p>ZEGOCLOUD: {record.error.message}</p>}
      <Actions record={record} />
      {answer && <Answer answer={answer} />}
      {record.status === 'completed' && <Pictures record={record} from={from} />}
      <Json record={record} />
    </>
  )
}

function InQuarantine({ task_id, count }: { task_id: string; count: number }) {
  const words = count > MOST_COUNTED ? `Over ${plural(MOST_COUNTED, 'callback')}` : plural(count, 'callback')
  return (
    <Note>
      {words} for this task in quarantine. <a href={quarantinePath({ task_id })}>Look at what they say</a>.
    </Note>
  )
}

function Actions({ record }: { record: SnapshotRecord }) {
  const path = taskPath(record.task_id)
  const isFinished = record.status !== 'pending'
  return (
    <div class="acts">
      {isFinished && <Post to={`${path}/send`}>Send again</Post>}
      {isFinished && canBeAsked(useVisit().get('settings'), record) && (
        <Post to={`${path}/confirmation`}>Ask ZEGOCLOUD to confirm</Post>
      )}
      <Ask to={`${path}/delete`} words={['Delete', 'Delete it from D1 and KV for good']} />
    </div>
  )
}

function factsOf(record: SnapshotRecord, stored: StoredTask): Facts['of'] {
  const { status, vendor, appid } = record
  const source = status === 'completed' ? record.field_id : undefined
  return [
    ['Vendor', vendorName(vendor)],
    source !== undefined && ['Source file', <code>{source}</code>],
    ['App', <code>{appid}</code>],
    status === 'pending' && ['Registered', [<Moment at={Date.parse(record.registered_at)} />, dueWords(stored)]],
    status !== 'pending' && ['Received', [<Moment at={Date.parse(record.received_at)} />, sinceSigned(record)]],
    status !== 'pending' && ['Published', publicationWords(stored)],
  ]
}

function dueWords({ ask_due }: StoredTask): string {
  return ask_due === null ? '' : ` · next asked about in ${duration(ask_due - useVisit().get('now'))}`
}

function publicationWords({ kv_due, event_due, kv_refused }: StoredTask): string {
  const has = [...(kv_due === null && kv_refused === null ? ['KV'] : []), ...(event_due === null ? ['Queue'] : [])]
  const waits = [...(kv_due === null ? [] : ['KV']), ...(event_due === null ? [] : ['the queue'])]
  const parts = [
    ...(has.length > 0 ? [has.join(' and ')] : []),
    ...(waits.length > 0 ? [`${waits.join(' and ')} still to come`] : []),
    ...(kv_refused === null ? [] : [`KV does not take it: ${kv_refused}`]),
  ]
  return parts.join('; ')
}

function sinceSigned(record: SnapshotRecord): string {
  if (record.status !== 'completed') return ''
  const { via, signed_at, received_at } = record
  if (via === 'query') return ' · from ZEGOCLOUD’s query API'
  if (signed_at === undefined) return ''
  const late = Date.parse(received_at) - Date.parse(signed_at)
  return late < 0 ? ` · ${duration(-late)} before ZEGOCLOUD’s time` : ` · ${duration(late)} after ZEGOCLOUD signed it`
}

function Pictures({ record, from }: { record: CompletedRecord; from: number }) {
  const pictures = record.snapshot_pic_list
  const urls = `${taskPath(record.task_id)}/urls`
  const path = (to: number) => `${taskPath(record.task_id)}?from=${Math.max(to, 0) + 1}`
  const isMore = from + MOST_FRAMES < pictures.length
  return (
    <>
      <div class="tools">
        <h2>{plural(pictures.length, 'picture')}</h2>
        <a href={urls}>All URLs as text</a>
        <button type="button" hidden data-copy-from={urls}>
          Copy URLs
        </button>
      </div>
      <TimeLine pictures={pictures} />
      <Sheet pictures={pictures.slice(from, from + MOST_FRAMES)} from={from} count={pictures.length} />
      <Pager
        newer={from > 0 ? path(from - MOST_FRAMES) : undefined}
        older={isMore ? path(from + MOST_FRAMES) : undefined}
        words={['Earlier pictures', 'Later pictures']}
      />
    </>
  )
}

function Json({ record }: { record: SnapshotRecord }) {
  const path = `${taskPath(record.task_id)}/json`
  return (
    <details>
      <summary class="button">Show JSON</summary>
      <Text text={JSON.stringify(record, null, 2)} />
      <div class="tools">
        <a href={path}>As a file</a>
        <button type="button" hidden data-copy-from={path}>
          Copy JSON
        </button>
      </div>
    </details>
  )
}
