/** One task: its facts, its pictures along the time, the record as programs get it. */
import type { CompletedRecord, Picture, SnapshotRecord } from '../event.ts'
import type { StoredTask } from '../store/gallery.ts'
import { altOf, titleOf, Pager, waitingWords } from './gallery.tsx'
import { Age, Csrf, Page, type Top } from './layout.tsx'
import { Thumbnail } from './picture.tsx'
import { shownPicture } from './shown-picture.ts'
import { TimeLine } from './time-line.tsx'
import { duration, minutes, plural, vendorName } from './words.ts'

export type Task = {
  top: Top
  record: SnapshotRecord
  stored: StoredTask
  /** The first picture that is shown, from 0. */
  from: number
  isHttps: boolean
  isAsked: (appid: string) => boolean
  note: string | undefined
  now: number
}

/** A page of frames: a browser has enough to do with them. */
export const MOST_FRAMES = 120

/** The rest of a large record is read over HTTP. */
const SHOWN_JSON_LENGTH = 100_000

export function Task({ top, record, stored, from, isHttps, isAsked, note, now }: Task) {
  const { task_id, status } = record
  return (
    <Page title={task_id} top={top}>
      {note !== undefined && (
        <p class="note" role="status">
          {note}
        </p>
      )}
      <div class="tools">
        <h1 class="id">{task_id}</h1>
        <button type="button" hidden data-copy={task_id}>
          Copy
        </button>
      </div>
      <span class={`status ${status}`}>{titleOf(status)}</span>
      <Facts record={record} stored={stored} now={now} />
      {record.status === 'pending' && <p>{waitingWords(record.appid, isAsked)}</p>}
      {record.status === 'failed' && <p>ZEGOCLOUD: {record.error.message}</p>}
      {record.status === 'completed' && <Pictures record={record} from={from} isHttps={isHttps} />}
      <div class="tools">
        <Json record={record} />
        {status !== 'pending' && (
          <form method="post" action={`${pathOfTask(task_id)}/send`}>
            <Csrf csrf={top.csrf} />
            <button>Send again</button>
          </form>
        )}
      </div>
    </Page>
  )
}

export function pathOfTask(taskId: string): string {
  return `/tasks/${encodeURIComponent(taskId.toWellFormed())}`
}

function Facts({ record, stored, now }: Pick<Task, 'record' | 'stored' | 'now'>) {
  const { vendor, appid } = record
  return (
    <dl>
      <dt>Vendor</dt>
      <dd>{vendorName(vendor)}</dd>
      {'field_id' in record && typeof record.field_id === 'string' && (
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
            <Age at={Date.parse(record.registered_at)} now={now} />
            {stored.ask_due === null ? '' : `, next asked about in ${duration(stored.ask_due - now)}`}
          </dd>
        </>
      ) : (
        <>
          <dt>Received</dt>
          <dd>
            <Age at={Date.parse(record.received_at)} now={now} />
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

function Pictures({ record, from, isHttps }: { record: CompletedRecord; from: number; isHttps: boolean }) {
  const pictures = record.snapshot_pic_list
  const shown = pictures.slice(from, from + MOST_FRAMES)
  const turn = (to: number) => `${pathOfTask(record.task_id)}?from=${Math.max(to, 0) + 1}`
  const isMore = from + MOST_FRAMES < pictures.length
  return (
    <>
      <h2>{plural(pictures.length, 'picture')}</h2>
      <TimeLine offsets={pictures.map(({ offset }) => offset)} />
      <ul class="sheet">
        {shown.map((picture, n) => (
          <Frame picture={picture} n={from + n} of={pictures.length} isHttps={isHttps} />
        ))}
      </ul>
      <Pager
        newer={from > 0 ? turn(from - MOST_FRAMES) : undefined}
        older={isMore ? turn(from + MOST_FRAMES) : undefined}
        words={['Earlier pictures', 'Later pictures']}
      />
    </>
  )
}

function Frame({ picture, n, of, isHttps }: { picture: Picture; n: number; of: number; isHttps: boolean }) {
  const { url, offset } = picture
  const alt = altOf(n, of, offset)
  const shown = shownPicture(url, isHttps)
  const inside = <Thumbnail url={url} alt={alt} isHttps={isHttps} />
  const place = [`${n + 1} of ${of}`, ...(offset === undefined ? [] : [minutes(offset)])].join(' · ')
  return (
    <li>
      {'name' in shown ? (
        <span class="frame">{inside}</span>
      ) : (
        <a
          class="frame"
          href={shown.original}
          rel="noreferrer"
          data-large={shown.source}
          data-place={place}
          data-host={shown.host}
          data-alt={alt}
        >
          {inside}
        </a>
      )}
      <small>
        <span>{n + 1}</span>
        {offset !== undefined && <span>{minutes(offset)}</span>}
      </small>
    </li>
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
