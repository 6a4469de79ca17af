/** One task: its facts, its pictures along the time, the record as programs get it. */
import type { CompletedRecord, SnapshotRecord } from '../event.ts'
import type { StoredTask } from '../store/gallery.ts'
import { Age, Pager } from './layout.tsx'
import { Sheet, TimeLine } from './pictures.tsx'
import { isAsked, useVisit } from './visit.ts'
import { duration, plural, statusTitle, taskPath, vendorName, waitingWords } from './words.ts'

type Task = {
  record: SnapshotRecord
  stored: StoredTask
  /** The index of the first picture that is shown. */
  from: number
}

/** A page of frames: a browser has enough to do with them. */
const MOST_FRAMES = 120

/** The rest of a large record is read over HTTP. */
const SHOWN_JSON_LENGTH = 100_000

export function Task({ record, stored, from }: Task) {
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
      <Facts record={record} stored={stored} />
      {record.status === 'pending' && <p>{waitingWords(isAsked(useVisit().get('settings'), record.appid))}</p>}
      {record.status === 'failed' && <p>ZEGOCLOUD: {record.error.message}</p>}
      {record.status === 'completed' && <Pictures record={record} from={from} />}
      <div class="tools">
        <Json record={record} />
        {status !== 'pending' && (
          <form method="post" action={`${taskPath(task_id)}/send`}>
            <button>Send again</button>
          </form>
        )}
      </div>
    </>
  )
}

function Facts({ record, stored }: Pick<Task, 'record' | 'stored'>) {
  const { vendor, appid } = record
  return (
    <dl>
      <dt>Vendor</dt>
      <dd>{vendorName(vendor)}</dd>
      {record.status === 'completed' && record.field_id !== undefined && (
        <>
          <dt>Source file</dt>
          <dd>
            <code>{record.field_id}</code>
          </dd>
        </>
      )}
      <dt>App</dt>
      <dd>
        <code>{appid}</code>
      </dd>
      {record.status === 'pending' ? (
        <>
          <dt>Registered</dt>
          <dd>
            <Age at={Date.parse(record.registered_at)} />
            {stored.ask_due !== null && `, next asked about in ${duration(stored.ask_due - useVisit().get('now'))}`}
          </dd>
        </>
      ) : (
        <>
          <dt>Received</dt>
          <dd>
            <Age at={Date.parse(record.received_at)} />
            {record.status === 'completed' && sinceSigned(record)}
          </dd>
          <dt>Published</dt>
          <dd>{publicationWords(stored)}</dd>
        </>
      )}
    </dl>
  )
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

function sinceSigned({ via, signed_at, received_at }: CompletedRecord): string {
  if (via === 'query') return ', from ZEGOCLOUD’s query API'
  if (signed_at === undefined) return ''
  const late = Date.parse(received_at) - Date.parse(signed_at)
  return late < 0 ? `, ${duration(-late)} before ZEGOCLOUD’s time` : `, ${duration(late)} after ZEGOCLOUD signed it`
}

function Pictures({ record, from }: { record: CompletedRecord; from: number }) {
  const pictures = record.snapshot_pic_list
  const path = (to: number) => `${taskPath(record.task_id)}?from=${Math.max(to, 0) + 1}`
  const isMore = from + MOST_FRAMES < pictures.length
  return (
    <>
      <h2>{plural(pictures.length, 'picture')}</h2>
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
  const text = JSON.stringify(record, null, 2)
  const shown = text.slice(0, SHOWN_JSON_LENGTH).toWellFormed()
  return (
    <details>
      <summary class="button">Show JSON</summary>
      <pre tabindex={0}>{shown}</pre>
      {shown.length < text.length && (
        <small>
          The rest is at <code>GET /v1/snapshots/{encodeURIComponent(record.task_id.toWellFormed())}</code>.
        </small>
      )}
    </details>
  )
}
