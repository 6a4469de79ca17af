/** What can be looked at. */
import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import type { SnapshotRecord } from '../event.ts'
import { partOf } from '../http/request.ts'
import { log, messageOf } from '../log.ts'
import { countNewer, findTask, MOST_NEW, pageOf, type Start, tasksBeginningWith } from '../store/gallery.ts'
import { acceptedWords, badgeOf, countAll } from '../store/health.ts'
import { beginningsOf, findEntry, listEntries } from '../store/quarantine.ts'
import { findRecord } from '../store/snapshots.ts'
import type { Question } from './answer.tsx'
import { type Check, healthChecks, lastRefusalOf } from './checks.ts'
import type { Column } from './compare.tsx'
import { contestOf, Entry } from './entry.tsx'
import { Found, Gallery, NoCallbackYet } from './gallery.tsx'
import { HealthPage } from './health.tsx'
import { showFact } from './layout.tsx'
import { BEGINNING_LENGTH, Quarantine } from './quarantine.tsx'
import { grouped } from './reasons.tsx'
import {
  besides,
  cursorOf,
  filterOf,
  galleryPath,
  indexOf,
  quarantinePath,
  soughtInQuarantine,
  soughtOf,
  startOf,
} from './sought.ts'
import { Task } from './task.tsx'
import { healthOf, originOf, type Visit } from './visit.ts'
import { taskPath } from './words.ts'

export const pages = new Hono<Visit>()

const QUARANTINE_ROWS = 30

/** After a wrong setting was set right, what was accepted is told so long. */
const NEWS_MS = 3_600_000

const NEWEST: Start = { to: 'older', place: Number.MAX_SAFE_INTEGER }

pages.get('/', async (c) => {
  const query = c.req.query()
  const beginning = query['task_id']?.trim() ?? ''
  if (beginning !== '') return showFound(c, beginning)
  const sought = soughtOf(query)
  const start = startOf(query)
  const [page, { facts }] = await Promise.all([pageOf(c.env.DB, filterOf(sought), start ?? NEWEST), healthOf(c)])
  // The top is reached: it is shown whole.
  if (start?.to === 'newer' && page.next === undefined) return c.redirect(galleryPath(sought), 303)
  if (page.rows.length === 0 && start === undefined && Object.keys(sought).length === 0) {
    const empty = <NoCallbackYet refusal={facts && lastRefusalOf(facts)} />
    return c.render(empty, { title: 'No callback yet', section: 'Gallery' })
  }
  const gallery = {
    rows: page.rows,
    sought,
    ...besides(sought, start, page),
    accepted: acceptedWords(facts, c.get('now') - NEWS_MS),
  }
  return c.render(<Gallery {...gallery} />, GALLERY)
})

const GALLERY = { title: 'Gallery', section: 'Gallery' } as const

async function showFound(c: Context<Visit>, beginning: string): Promise<Response> {
  const { DB } = c.env
  const exact = await findRecord(DB, beginning)
  const { rows, next } = exact ? { rows: [], next: undefined } : await tasksBeginningWith(DB, beginning)
  const found = exact ? beginning : rows.length === 1 ? rows[0]!.task_id : undefined
  if (found !== undefined) return c.redirect(taskPath(found), 303)
  c.status(rows.length === 0 ? 404 : 200)
  return c.render(<Found rows={rows} beginning={beginning} isMore={next !== undefined} />, GALLERY)
}

pages.get('/new', async (c) => {
  const than = indexOf(c.req.query('than')) ?? Number.MAX_SAFE_INTEGER
  return c.json({ count: await countNewer(c.env.DB, than), most: MOST_NEW })
})

pages.get('/tasks/:task_id', (c) => showTask(c))

export async function showTask(c: Context<Visit>, ask?: Question): Promise<Response> {
  const stored = await findTask(c.env.DB, partOf(c.req.url, 2))
  if (stored === undefined) return noSuchTask(c)
  const record = JSON.parse(stored.record) as SnapshotRecord
  const from = Math.max((indexOf(c.req.query('from')) ?? 1) - 1, 0)
  const answer = await ask?.(record)
  return c.render(<Task record={record} stored={stored} from={from} answer={answer} />, { title: record.task_id })
}

pages.get('/tasks/:task_id/urls', (c) =>
  showText(c, 'text/plain', (record) =>
    record.status === 'completed' ? record.snapshot_pic_list.map(({ url }) => `${url}\n`).join('') : '',
  ),
)

pages.get('/tasks/:task_id/json', (c) =>
  showText(c, 'application/json', (record) => `${JSON.stringify(record, null, 2)}\n`),
)

async function showText(c: Context<Visit>, type: string, textOf: (record: SnapshotRecord) => string) {
  const stored = await findRecord(c.env.DB, partOf(c.req.url, 2))
  if (stored === undefined) return noSuchTask(c)
  return c.body(textOf(JSON.parse(stored.record) as SnapshotRecord), 200, { 'content-type': `${type}; charset=utf-8` })
}

function noSuchTask(c: Context<Visit>) {
  return showFact(c, 404, 'No such task is known', 'It may have been deleted, or its callback may still come.')
}

pages.get('/quarantine', async (c) => {
  const sought = soughtInQuarantine(c.req.query())
  const after = cursorOf(c.req.query())
  const [{ items, next }, { facts }] = await Promise.all([
    listEntries(c.env.DB, { ...sought, limit: QUARANTINE_ROWS, after }),
    healthOf(c),
  ])
  const ids = items.map(({ id }) => id)
  const quarantine = {
    groups: grouped(items),
    beginnings: await beginningsOf(c.env.DB, ids, BEGINNING_LENGTH),
    counts: facts?.quarantined,
    sought,
    newest: after && quarantinePath(sought),
    older: next && quarantinePath(sought, { below: `${next.received_at}-${next.rowid}` }),
  }
  return c.render(<Quarantine {...quarantine} />, { title: 'Quarantine', section: 'Quarantine' })
})

const GONE = 'It may have been accepted, deleted, or dropped after 30 days.'

pages.get('/quarantine/:id', (c) => showEntry(c))

export async function showEntry(c: Context<Visit>, ask?: Question): Promise<Response> {
  const entry = await findEntry(c.env.DB, partOf(c.req.url, 2))
  if (entry === undefined) return showFact(c, 404, 'Nothing is in quarantine under this id', GONE)
  const contest = await contestOf(entry, c.env)
  const columns: Column[] = []
  for (const column of contest?.columns ?? []) columns.push({ ...column, answer: await ask?.(column.record) })
  const page = <Entry entry={entry} contest={contest && { ...contest, columns }} />
  return c.render(page, { title: 'In quarantine', section: 'Quarantine' })
}

pages.get('/health', async (c) => showHealth(c, undefined))

/** @param test the steps of a test callback that was just sent */
export async function showHealth(c: Context<Visit>, test: readonly Check[] | undefined): Promise<Response> {
  const [settings, now] = [c.get('settings'), c.get('now')]
  const [health, counts] = await Promise.all([healthOf(c), countAll(c.env.DB).catch(notCounted)])
  const checks = healthChecks(health, counts, settings, originOf(c.req.url), now)
  const page = <HealthPage title={badgeOf(health).title} checks={checks} test={test} />
  return c.render(page, { title: 'Health', section: 'Health' })
}

function notCounted(error: unknown): undefined {
  log('error', 'health.failed', { store: 'd1', why: messageOf(error) })
}
