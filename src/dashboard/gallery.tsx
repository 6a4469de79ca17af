/** The contact sheet: one task a row, newest first. */
import type { Status } from '../store/snapshots.ts'
import { MOST_NEW, type Row, STRIP_FRAMES } from '../store/gallery.ts'
import { Age, Csrf, Page, type Top } from './layout.tsx'
import { Thumbnail } from './picture.tsx'
import { minutes, plural, vendorName } from './words.ts'

const STATUSES: readonly Status[] = ['pending', 'completed', 'failed']

/** `unknown` is an id that was looked for and is not known. */
export type Sought = { status: Status | undefined; unknown: string | undefined }

export type Gallery = {
  top: Top
  rows: readonly Row[]
  sought: Sought
  /** Paths of the pages beside this one. */
  older: string | undefined
  newer: string | undefined
  isHttps: boolean
  origin: string
  /** Whether ZEGOCLOUD is asked about an app's pending tasks. */
  isAsked: (appid: string) => boolean
  now: number
}

export function Gallery(gallery: Gallery) {
  const { top, rows, sought, older, newer } = gallery
  if (rows.length === 0 && !newer && !older && sought.status === undefined && sought.unknown === undefined) {
    return <NoCallbackYet {...gallery} />
  }
  const [first] = rows
  return (
    <Page title="Gallery" top={top} place="Gallery">
      <h1 class="unseen">Gallery</h1>
      <Tools sought={sought} />
      {sought.unknown !== undefined && (
        <p class="note" role="status">
          No task <code>{sought.unknown}</code> is known. Its callback may still come.
        </p>
      )}
      {newer === undefined && first && (
        <p>
          <a class="quiet" href={pathOf(sought.status)} hidden data-newer-than={`/new?than=${first.place}`}>
            {`${MOST_NEW} new`}
          </a>
        </p>
      )}
      {rows.length === 0 && <p class="quiet">No such task on this page.</p>}
      <ul class="tasks">
        {rows.map((row) => (
          <Task row={row} gallery={gallery} />
        ))}
      </ul>
      <Pager older={older} newer={newer} />
    </Page>
  )
}

function Tools({ sought: { status, unknown } }: { sought: Sought }) {
  return (
    <form class="tools" action="/">
      <input name="task_id" aria-label="Find a task_id" placeholder="Find a task_id" value={unknown ?? ''} />
      <select name="status" aria-label="Status">
        <option value="">All</option>
        {STATUSES.map((each) => (
          <option value={each} selected={each === status}>
            {titleOf(each)}
          </option>
        ))}
      </select>
      <noscript>
        <button>Find</button>
      </noscript>
    </form>
  )
}

type Pager = { older: string | undefined; newer: string | undefined; words?: readonly [string, string] }

export function Pager({ older, newer, words = ['Newer', 'Older'] }: Pager) {
  if (older === undefined && newer === undefined) return <></>
  return (
    <nav class="more" aria-label="More">
      {newer !== undefined && (
        <a href={newer} rel="prev">
          {words[0]}
        </a>
      )}
      {older !== undefined && (
        <a href={older} rel="next">
          {words[1]}
        </a>
      )}
    </nav>
  )
}

function Task({ row, gallery }: { row: Row; gallery: Gallery }) {
  const { task_id, status, vendor, pictures, at } = row
  const about = [vendorName(vendor), ...(status === 'completed' ? [plural(pictures, 'picture')] : [])].join(' · ')
  return (
    <li>
      <div>
        <a class="id" href={`/tasks/${encodeURIComponent(task_id.toWellFormed())}`} title={task_id}>
          {task_id}
        </a>
        <span class={`status ${status}`}>{titleOf(status)}</span>
        <small>{about}</small>
        <small>
          <Age at={at} now={gallery.now} />
        </small>
      </div>
      {status === 'completed' ? <Strip row={row} isHttps={gallery.isHttps} /> : <Why row={row} gallery={gallery} />}
    </li>
  )
}

/** Up to seven frames; where there are more pictures, the last says how many. */
function Strip({ row: { first, pictures }, isHttps }: { row: Row; isHttps: boolean }) {
  if (pictures === 0) return <p class="quiet">ZEGOCLOUD sent no picture.</p>
  const isMore = pictures > STRIP_FRAMES
  const shown = isMore ? first.slice(0, STRIP_FRAMES - 1) : first
  return (
    <div class="strip">
      {shown.map(({ url, offset }, n) => (
        <span class="frame">
          <Thumbnail url={url} alt={altOf(n, pictures, offset)} isHttps={isHttps} />
        </span>
      ))}
      {isMore && <span class="frame">{`+${pictures - shown.length}`}</span>}
    </div>
  )
}

export function altOf(n: number, pictures: number, offset: number | undefined): string {
  return `Screenshot ${n + 1} of ${pictures}${offset === undefined ? '' : ` at ${minutes(offset)}`}`
}

function Why({ row, gallery }: { row: Row; gallery: Gallery }) {
  if (row.status === 'failed') return <p class="quiet">ZEGOCLOUD: {row.error ?? 'no reason was given'}</p>
  return <p class="quiet">{waitingWords(row.appid, gallery.isAsked)}</p>
}

export function waitingWords(appid: string, isAsked: Gallery['isAsked']): string {
  if (isAsked(appid)) return 'Waiting for ZEGOCLOUD. It is asked about this task until it has finished.'
  return 'Waiting for ZEGOCLOUD’s callback.'
}

export function titleOf(status: Status): string {
  return `${status.charAt(0).toUpperCase()}${status.slice(1)}`
}

/** The gallery's own path, with what is sought and where. */
export function pathOf(status: Status | undefined, turn: Record<string, number> = {}): string {
  const query = new URLSearchParams({ ...(status !== undefined && { status }) })
  for (const [name, value] of Object.entries(turn)) query.set(name, String(value))
  return query.size === 0 ? '/' : `/?${query.toString()}`
}

function NoCallbackYet({ top, origin }: Gallery) {
  return (
    <Page title="No callback yet" top={top} place="Gallery">
      <div class="empty">
        <h1>No callback yet</h1>
        <p>
          Ask ZEGOCLOUD to send the callbacks of on-demand screenshots to this URL. Where a path token is set, it ends
          the URL: <code>/zego/callback/&lt;CALLBACK_PATH_TOKEN&gt;</code>.
        </p>
        <pre>{`${origin}/zego/callback`}</pre>
        <form method="post" action="/health/test">
          <Csrf csrf={top.csrf} />
          <button class="first">Send a test callback</button>
        </form>
      </div>
    </Page>
  )
}
