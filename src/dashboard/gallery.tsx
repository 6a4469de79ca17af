/** The contact sheet: one task a row, newest first. */
import { MOST_LOOKED_AT, MOST_NEW, type Row } from '../store/gallery.ts'
import { canBeAsked } from './answer.tsx'
import type { lastRefusalOf } from './checks.ts'
import { CallbackUrl } from './health.tsx'
import { Age, Note, Pager, Post } from './parts.tsx'
import { Strip } from './pictures.tsx'
import { galleryPath, type Sought, soughtWords, STATUSES } from './sought.ts'
import { useVisit } from './visit.ts'
import { plural, statusTitle, taskPath, vendorName, VENDORS, waitingWords } from './words.ts'

type Gallery = {
  rows: readonly Row[]
  sought: Sought
  /** Paths of the pages beside this one. */
  older: string | undefined
  newer: string | undefined
  /** Which kept callbacks were accepted lately, in words. */
  accepted: string | undefined
}

export function Gallery({ rows, sought, older, newer, accepted }: Gallery) {
  const [first] = rows
  return (
    <>
      <h1 class="unseen">Gallery</h1>
      {accepted !== undefined && <Note>{accepted}.</Note>}
      <div class="tools">
        <Search beginning="" />
        <Filter sought={sought} />
      </div>
      {newer === undefined && first && (
        <p>
          <a class="quiet" href={galleryPath(sought)} hidden data-newer-than={`/new?than=${first.place}`}>
            {`${MOST_NEW} new`}
          </a>
        </p>
      )}
      {rows.length === 0 && <p class="quiet">{`There are no ${soughtWords(sought)}${older ? LOOKED_AT : '.'}`}</p>}
      <Rows rows={rows} />
      <Pager older={older} newer={newer} />
    </>
  )
}

const LOOKED_AT = ` among the ${MOST_LOOKED_AT} looked at here. Older ones may be.`

/** Tasks by the beginning of their ids. */
export function Found({ rows, beginning, isMore }: { rows: readonly Row[]; beginning: string; isMore: boolean }) {
  return (
    <>
      <h1 class="unseen">Gallery</h1>
      <div class="tools">
        <Search beginning={beginning} />
      </div>
      <Note>
        {rows.length === 0
          ? 'No task_id begins with '
          : `${isMore ? 'Some' : plural(rows.length, 'task')} of those that begin with `}
        <code>{beginning}</code>.
      </Note>
      <Rows rows={rows} />
    </>
  )
}

function Search({ beginning }: { beginning: string }) {
  const label = 'Find a task_id by its beginning'
  return (
    <form class="tools" role="search" action="/">
      <input name="task_id" aria-label={label} placeholder={label} value={beginning} required maxlength={512} />
      <button>Find</button>
    </form>
  )
}

function Filter({ sought }: { sought: Sought }) {
  const { status, vendor, app, since, until } = sought
  const isSet = Object.keys(sought).length > 0
  return (
    <details open={isSet}>
      <summary class="button">Filter</summary>
      <form class="tools" action="/">
        <Choice
          name="status"
          all="Every status"
          choices={STATUSES.map((each) => [each, statusTitle(each)])}
          chosen={status}
        />
        <Choice name="vendor" all="Every vendor" choices={[...VENDORS]} chosen={vendor} />
        <input name="app" aria-label="App" placeholder="App" value={app ?? ''} />
        <label>
          Since <input type="date" name="since" value={since?.slice(0, 10) ?? ''} />
        </label>
        <label>
          Before <input type="date" name="until" value={until?.slice(0, 10) ?? ''} />
        </label>
        <small>UTC</small>
        <button>Show</button>
        {isSet && <a href="/">Show all</a>}
      </form>
    </details>
  )
}

type Choice = { name: string; all: string; choices: readonly (readonly [string, string])[]; chosen: string | undefined }

function Choice({ name, all, choices, chosen }: Choice) {
  return (
    <select name={name} aria-label={all.replace('Every ', '')}>
      <option value="">{all}</option>
      {choices.map(([value, title]) => (
        <option value={value} selected={value === chosen}>
          {title}
        </option>
      ))}
    </select>
  )
}

function Rows({ rows }: { rows: readonly Row[] }) {
  return (
    <ul class="tasks">
      {rows.map((row) => (
        <Task row={row} />
      ))}
    </ul>
  )
}

function Task({ row }: { row: Row }) {
  const { task_id, status, vendor, pictures, at, first } = row
  const about = [vendorName(vendor), ...(status === 'completed' ? [plural(pictures, 'picture')] : [])].join(' · ')
  return (
    <li>
      <div>
        <a class="id" href={taskPath(task_id)} title={task_id}>
          <Id id={task_id} />
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

const SHORT_ID_LENGTH = 24
const END_LENGTH = 10

/** Shortened in its middle where the row is narrow: Tencent's ids differ at their ends. */
function Id({ id }: { id: string }) {
  if (id.length <= SHORT_ID_LENGTH) return <>{id}</>
  return (
    <>
      <span>{id.slice(0, -END_LENGTH).toWellFormed()}</span>
      <span>{id.slice(-END_LENGTH).toWellFormed()}</span>
    </>
  )
}

function whyOf(row: Row): string {
  const { status, error } = row
  if (status === 'failed') return `ZEGOCLOUD: ${error ?? 'no reason was given'}`
  return waitingWords(canBeAsked(useVisit().get('settings'), row))
}

/** Instead of an empty gallery. */
export function NoCallbackYet({ refusal }: { refusal: ReturnType<typeof lastRefusalOf> }) {
  return (
    <div class="empty">
      {refusal ? (
        <LastRefusal {...refusal} />
      ) : (
        <>
          <h1>No callback yet</h1>
          <p>Ask ZEGOCLOUD to send the callbacks of on-demand screenshots to this URL.</p>
          <CallbackUrl />
        </>
      )}
      <Post to="/health/test" look="first">
        Send a test callback
      </Post>
    </div>
  )
}

function LastRefusal({ code, at, kept, more, command }: NonNullable<ReturnType<typeof lastRefusalOf>>) {
  return (
    <>
      <h1>Callbacks are refused</h1>
      <p>
        The last one was refused <Age at={at} />: <code>{code}</code>. {more}
      </p>
      {kept > 0 && (
        <p>
          <a href={`/quarantine?reason=${code}`}>{plural(kept, 'callback')} in quarantine</a>
          {' for this reason.'}
        </p>
      )}
      {command !== undefined && <pre tabindex={0}>{command}</pre>}
    </>
  )
}
