/** The contact sheet: one task a row, newest first. */
import { MOST_NEW, type Row } from '../store/gallery.ts'
import type { Status } from '../store/snapshots.ts'
import { Age, Pager } from './layout.tsx'
import { Strip } from './pictures.tsx'
import { isAsked, originOf, useVisit } from './visit.ts'
import { plural, statusTitle, taskPath, vendorName, waitingWords } from './words.ts'

const STATUSES: readonly Status[] = ['pending', 'completed', 'failed']

/** `unknown` is an id that was looked for and is not known. */
export type Sought = { status: Status | undefined; unknown: string | undefined }

type Gallery = {
  rows: readonly Row[]
  sought: Sought
  /** Paths of the pages beside this one. */
  older: string | undefined
  newer: string | undefined
}

export function Gallery({ rows, sought, older, newer }: Gallery) {
  const [first] = rows
  return (
    <>
      <h1 class="unseen">Gallery</h1>
      <Tools sought={sought} />
      {sought.unknown !== undefined && (
        <p class="flash" role="status">
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
          <Task row={row} />
        ))}
      </ul>
      <Pager older={older} newer={newer} />
    </>
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
            {statusTitle(each)}
          </option>
        ))}
      </select>
      <noscript>
        <button>Find</button>
      </noscript>
    </form>
  )
}

function Task({ row }: { row: Row }) {
  const { task_id, status, vendor, pictures, at, first } = row
  const about = [vendorName(vendor), ...(status === 'completed' ? [plural(pictures, 'picture')] : [])].join(' · ')
  return (
    <li>
      <div>
        <a class="id" href={taskPath(task_id)} title={task_id}>
          {task_id}
        </a>
        <span class={`status ${status}`}>{statusTitle(status)}</span>
        <small>{about}</small>
        <small>
          <Age at={at} />
        </small>
      </div>
      {status === 'completed' ? <Strip first={first} count={pictures} /> : <p class="quiet">{whyOf(row)}</p>}
    </li>
  )
}

function whyOf({ status, error, appid }: Row): string {
  if (status === 'failed') return `ZEGOCLOUD: ${error ?? 'no reason was given'}`
  return waitingWords(isAsked(useVisit().get('settings'), appid))
}

/** The gallery's own path, with what is sought and where. */
export function pathOf(status: Status | undefined, where: Record<string, number> = {}): string {
  const query = new URLSearchParams({ ...(status !== undefined && { status }) })
  for (const [name, value] of Object.entries(where)) query.set(name, String(value))
  return query.size === 0 ? '/' : `/?${query.toString()}`
}

export function NoCallbackYet() {
  return (
    <div class="empty">
      <h1>No callback yet</h1>
      <p>
        Ask ZEGOCLOUD to send the callbacks of on-demand screenshots to this URL. Where a path token is set, it ends the
        URL: <code>/zego/callback/&lt;CALLBACK_PATH_TOKEN&gt;</code>.
      </p>
      <pre>{`${originOf(useVisit().req.url)}/zego/callback`}</pre>
      <form method="post" action="/health/test">
        <button class="first">Send a test callback</button>
      </form>
    </div>
  )
}
