/** What is in quarantine, in sentences, and what can be done about it. */
import type { Context } from 'hono'
import { operationOf, partOf } from '../http/api.ts'
import { deleteEntry, deleteOfReason } from '../operate.ts'
import { cursorAbove } from '../store/gallery.ts'
import type { Count, HealthFacts } from '../store/health.ts'
import { type ListedEntry, listEntries, type QuarantineCursor, REASONS, type Reason } from '../store/quarantine.ts'
import { Accept, Delete, isAcceptable, isCompared, sentenceOf } from './entry.tsx'
import { Age, Ask, Fact, Pager, Search, showPage } from './layout.tsx'
import { formOf, healthOf, pathOf, type PageEnv } from './page.ts'
import { entryPath } from './format.ts'

/** What the list is narrowed by. */
type Filter = { reason?: Reason | undefined; task_id?: string | undefined }

function parseFilter({ reason, task_id }: Record<string, string>): Filter {
  return { reason: REASONS.find((each) => each === reason), task_id: task_id?.trim() || undefined }
}

export const quarantinePath = (filter: Filter, where: Record<string, string | undefined> = {}) =>
  pathOf('/quarantine', { ...filter, ...where })

/** `undefined` from the newest entry on. */
function parseCursor(below: string | undefined): QuarantineCursor | undefined {
  const [, received_at, rowid] = /^(\d{1,15})-(\d{1,15})$/.exec(below ?? '') ?? []
  return received_at === undefined ? undefined : { received_at: Number(received_at), rowid: Number(rowid) }
}

const below = (cursor: QuarantineCursor | undefined) => ({ below: cursor && `${cursor.received_at}-${cursor.rowid}` })

const PAGE_ENTRIES = 30

export async function showQuarantine(c: Context<PageEnv>): Promise<Response> {
  const { DB } = c.env
  const filter = parseFilter(c.req.query())
  const after = parseCursor(c.req.query('below'))
  const [{ items, next }, above, { facts }] = await Promise.all([
    listEntries(DB, { ...filter, limit: PAGE_ENTRIES, after }),
    after && cursorAbove(DB, filter, after, PAGE_ENTRIES),
    healthOf(c),
  ])
  const newer = after && quarantinePath(filter, below(above))
  const older = next && quarantinePath(filter, below(next))
  const quarantine = { entries: items, counts: facts?.quarantined, filter, newer, older }
  return showPage(c, <Quarantine {...quarantine} />, { title: 'Quarantine', section: 'Quarantine' })
}

export async function deleteOne(c: Context<PageEnv>): Promise<Response> {
  await deleteEntry(partOf(c.req.url, 2), operationOf(c))
  return c.redirect('/quarantine?flash=deleted', 303)
}

export async function deleteAllOfReason(c: Context<PageEnv>): Promise<Response> {
  const given = (await formOf(c)).get('reason')
  const reason = REASONS.find((each) => each === given)
  if (reason === undefined) return c.redirect('/quarantine', 303)
  const { left } = await deleteOfReason(reason, undefined, operationOf(c))
  const path = left === 0 ? quarantinePath({}, { flash: 'deleted' }) : quarantinePath({ reason }, { flash: 'left' })
  return c.redirect(path, 303)
}

type Counts = HealthFacts['quarantined']

type Quarantine = {
  entries: readonly ListedEntry[]
  /** How many there are of each reason; `undefined` while D1 does not tell. */
  counts: Counts | undefined
  filter: Filter
  /** Paths of the pages beside this one. */
  newer: string | undefined
  older: string | undefined
}

function Quarantine({ entries, counts, filter, newer, older }: Quarantine) {
  const isNothing = entries.length === 0 && newer === undefined && !filter.reason && !filter.task_id
  if (isNothing) return <Fact title="Nothing is in quarantine">{KEPT}</Fact>
  return (
    <>
      <h1>In quarantine</h1>
      <small>{KEPT}</small>
      {counts && <Reasons counts={counts} filter={filter} />}
      <div class="tools">
        <Search to="/quarantine" label="Find a task_id" value={filter.task_id} />
        {filter.reason && counts && <DeleteAll reason={filter.reason} count={counts[filter.reason]} />}
      </div>
      {entries.length === 0 && <p class="quiet">Nothing in quarantine matches.</p>}
      <ul class="entries">
        {entries.map((entry) => (
          <Row entry={entry} />
        ))}
      </ul>
      <Pager newer={newer} older={older} />
    </>
  )
}

const KEPT =
  'Callbacks that cannot be stored as results are kept here for 30 days. Those that could not be verified or read are retried after the next deploy or secret change; Accept retries one now.'

/** Each reason with its count, as a filter. */
function Reasons({ counts, filter }: { counts: Counts; filter: Filter }) {
  const reasons = [undefined, ...REASONS.filter((reason) => counts[reason].count > 0)]
  return (
    <nav class="tools" aria-label="Reasons">
      {reasons.map((reason) => (
        <a href={quarantinePath({ reason })} aria-current={reason === filter.reason ? 'true' : undefined}>
          {reason === undefined ? 'All' : `${reason} ${countWords(counts[reason])}`}
        </a>
      ))}
    </nav>
  )
}

function countWords({ count, exact }: Count): string {
  return `${exact ? '' : 'over '}${count.toLocaleString('en')}`
}

function DeleteAll({ reason, count }: { reason: string; count: Count }) {
  if (count.count === 0) return <></>
  const words = ['Delete all of this reason', `Delete all ${countWords(count)} for good`] as const
  return <Ask to="/quarantine/delete-all" fields={[['reason', reason]]} words={words} />
}

function Row({ entry }: { entry: ListedEntry }) {
  const { id, reason, task_id, received_at } = entry
  return (
    <li>
      <div>
        {sentenceOf(entry)}
        <small>
          <code>{reason}</code>
          {task_id !== null && [' · task ', <code>{task_id}</code>]}
          {' · '}
          <Age at={received_at} />
        </small>
      </div>
      <div class="acts">
        {/* Here it works for sure; the entry's own page tries it first. */}
        {isAcceptable(reason) && task_id !== null && <Accept id={id} />}
        <a class="button" href={entryPath(id)}>
          {isCompared(reason) ? 'Compare' : 'Open'}
        </a>
        <Delete id={id} />
      </div>
    </li>
  )
}
