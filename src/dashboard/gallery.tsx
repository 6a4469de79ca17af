/** The contact sheet: one task a row, newest first. */
import type { Context } from 'hono'
import type { Child } from 'hono/jsx'
import {
  countNewer,
  type GalleryPage,
  MOST_LOOKED_AT,
  MOST_NEW,
  PAGE_ROWS,
  pageOf,
  type TaskSummary,
  type Start,
  tasksBeginningWith,
} from '../store/gallery.ts'
import { findRecord, type Status } from '../store/snapshots.ts'
import { CallbackUrl, Doctor } from './health.tsx'
import { Age, Fact, Note, Pager, Search, showPage } from './layout.tsx'
import { Strip } from './pictures.tsx'
import { healthOf, numberOf, pathOf, type PageEnv } from './page.ts'
import { capitalized, plural, taskPath, vendorName } from './format.ts'

const STATUSES: readonly Status[] = ['pending', 'completed', 'failed']

/** What the gallery is narrowed by. */
type Filter = { status?: Status | undefined }

const NEWEST: Start = { to: 'older', place: Number.MAX_SAFE_INTEGER }

/** `undefined` from the newest task on. */
function startOf({ above, below }: Record<string, string>): Start | undefined {
  const [up, down] = [numberOf(above), numberOf(below)]
  if (up !== undefined) return { to: 'newer', place: up }
  return down === undefined ? undefined : { to: 'older', place: down }
}

/** The paths of the pages beside one. An empty page links back to where it started. */
function pathsBeside(filter: Filter, start: Start | undefined, { rows, next }: GalleryPage) {
  const [newest, oldest] = [rows[0]?.place, rows.at(-1)?.place]
  const isWayUp = start?.to === 'newer'
  const above = isWayUp ? next : start && (newest ?? start.place - 1)
  const below = isWayUp ? (oldest ?? start.place + 1) : next
  return {
    newer: above === undefined ? undefined : pathOf('/', { ...filter, above: String(above) }),
    older: below === undefined ? undefined : pathOf('/', { ...filter, below: String(below) }),
  }
}

export async function showGallery(c: Context<PageEnv>): Promise<Response> {
  const query = c.req.query()
  const beginning = query['task_id']?.trim() ?? ''
  if (beginning !== '') return showFound(c, beginning)
  const filter = { status: STATUSES.find((each) => each === query['status']) }
  const start = startOf(query)
  const [page, health] = await Promise.all([pageOf(c.env.DB, filter, start ?? NEWEST), healthOf(c)])
  // The top is reached: it is shown whole.
  if (start?.to === 'newer' && page.next === undefined) return c.redirect(pathOf('/', filter), 303)
  if (page.rows.length === 0 && start === undefined && filter.status === undefined) {
    const isAnyRefused = health.findings.some(({ part }) => part === 'callbacks')
    return showPage(c, <NoCallbackYet isAnyRefused={isAnyRefused} />, { title: 'No callback yet', section: 'Gallery' })
  }
  const beside = pathsBeside(filter, start, page)
  const [newest] = page.rows
  const among = beside.older === undefined ? '.' : ` among the latest ${MOST_LOOKED_AT} tasks. Older tasks may match.`
  const note = newest ? (
    beside.newer === undefined && <SinceThen path={pathOf('/', filter)} place={newest.place} />
  ) : (
    <p class="quiet">{`There are no ${filter.status ?? 'more'} tasks${among}`}</p>
  )
  return showPage(c, <Gallery rows={page.rows} {...filter} note={note} {...beside} />, GALLERY)
}

const GALLERY = { title: 'Gallery', section: 'Gallery' } as const

async function showFound(c: Context<PageEnv>, beginning: string): Promise<Response> {
  const { DB } = c.env
  const exact = await findRecord(DB, beginning)
  const { rows, next } = exact ? { rows: [], next: undefined } : await tasksBeginningWith(DB, beginning)
  const found = exact ? beginning : rows.length === 1 ? rows[0]!.task_id : undefined
  if (found !== undefined) return c.redirect(taskPath(found), 303)
  const note = (
    <Note>
      {rows.length === 0 ? 'No task_id begins with ' : 'Tasks that begin with '}
      <code>{beginning}</code>
      {rows.length === 0 ? '.' : next === undefined ? ':' : ` (the first ${PAGE_ROWS}):`}
    </Note>
  )
  const page = <Gallery rows={rows} beginning={beginning} note={note} />
  return showPage(c, page, { ...GALLERY, status: rows.length === 0 ? 404 : 200 })
}

/** For the browser's script. */
export async function countNew(c: Context<PageEnv>): Promise<Response> {
  const than = numberOf(c.req.query('than')) ?? Number.MAX_SAFE_INTEGER
  return c.json({ count: await countNewer(c.env.DB, than), most: MOST_NEW })
}

type Gallery = Filter & {
  rows: readonly TaskSummary[]
  /** What is searched for. */
  beginning?: string
  note: Child
  /** Paths of the pages beside this one. */
  older?: string | undefined
  newer?: string | undefined
}

function Gallery({ rows, status, beginning, note, older, newer }: Gallery) {
  return (
    <>
      <h1 class="unseen">Gallery</h1>
      <div class="tools">
        <Search to="/" label="Find a task_id by its beginning" value={beginning} />
        <nav aria-label="Status">
          {[undefined, ...STATUSES].map((each) => (
            <a href={pathOf('/', { status: each })} aria-current={each === status ? 'true' : undefined}>
              {each === undefined ? 'All' : capitalized(each)}
            </a>
          ))}
        </nav>
      </div>
      {note}
      <ul class="tasks">
        {rows.map((row) => (
          <Task row={row} />
        ))}
      </ul>
      <Pager older={older} newer={newer} />
    </>
  )
}

/** "3 new": the browser's script shows it once something has come. */
const SinceThen = ({ path, place }: { path: string; place: number }) => (
  <p>
    <a class="quiet" href={path} hidden data-newer-than={`/new?than=${place}`}></a>
  </p>
)

function Task({ row }: { row: TaskSummary }) {
  const { task_id, status, vendor, pictures, at, first } = row
  const about = [vendorName(vendor), ...(status === 'completed' ? [plural(pictures, 'picture')] : [])].join(' · ')
  return (
    <li>
      <div>
        <a class="id" href={taskPath(task_id)}>
          {task_id}
        </a>
        <span class={`status ${status}`}>{capitalized(status)}</span>
        <small>{about}</small>
        <small>
          <Age at={at} />
        </small>
      </div>
      {status === 'completed' ? <Strip first={first} count={pictures} /> : <p class="quiet">{whyNoPictures(row)}</p>}
    </li>
  )
}

function whyNoPictures({ status, error }: TaskSummary): string {
  if (status === 'failed') return `ZEGOCLOUD: ${error ?? 'no reason was given'}`
  return 'Waiting for ZEGOCLOUD.'
}

/** Instead of an empty gallery. */
const NoCallbackYet = ({ isAnyRefused }: { isAnyRefused: boolean }) => (
  <Fact title="No callback yet">
    {isAnyRefused && (
      <Note>
        Callbacks are refused: <a href="/health">Health says why, and what fixes it</a>.
      </Note>
    )}
    <p>Ask ZEGOCLOUD to send the callbacks of on-demand screenshots to this URL.</p>
    <CallbackUrl />
    <p>This sends a signed callback from outside, and says what becomes of it:</p>
    <Doctor />
  </Fact>
)
