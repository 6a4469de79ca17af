/** What can be looked at. */
import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import type { SnapshotRecord } from '../event.ts'
import { partOf } from '../http/request.ts'
import { log, messageOf } from '../log.ts'
import { isFault } from '../settings.ts'
import { countNewer, findTask, MOST_NEW, type Turn, pageOf } from '../store/gallery.ts'
import { beginningsOf, findEntry, listEntries, type QuarantineCursor } from '../store/quarantine.ts'
import { findRecord, type Status } from '../store/snapshots.ts'
import { asideState, overview } from '../store/state.ts'
import { callbackChecks, type Check, secretChecks, settingChecks, storeChecks } from './checks.ts'
import { Entry } from './entry.tsx'
import { Gallery, NoCallbackYet, pathOf } from './gallery.tsx'
import { Health } from './health.tsx'
import { Fact } from './layout.tsx'
import { BEGINNING_LENGTH, Quarantine } from './quarantine.tsx'
import { grouped, recordOf, REMEDY } from './reasons.ts'
import { Task } from './task.tsx'
import { originOf, type Visit } from './visit.ts'
import { taskPath } from './words.ts'

export const pages = new Hono<Visit>()

const STATUSES: ReadonlySet<string> = new Set<Status>(['pending', 'completed', 'failed'])
const QUARANTINE_ROWS = 30

pages.get('/', async (c) => {
  const { DB } = c.env
  const taskId = c.req.query('task_id')?.trim() ?? ''
  if (taskId !== '' && (await findRecord(DB, taskId))) return c.redirect(taskPath(taskId), 303)
  const given = c.req.query('status') ?? ''
  const status = STATUSES.has(given) ? (given as Status) : undefined
  const turn = turnOf(c)
  const { rows, hasMore } = await pageOf(DB, status, turn)
  const [isFirst, isWayUp] = [turn.from === Number.MAX_SAFE_INTEGER, turn.to === 'newer']
  // The top is reached: it is shown whole.
  if (isWayUp && !hasMore) return c.redirect(pathOf(status), 303)
  if (isFirst && rows.length === 0 && !hasMore && status === undefined && taskId === '') {
    return c.render(<NoCallbackYet />, { title: 'No callback yet', section: 'Gallery' })
  }
  const [newest, oldest] = [rows[0]?.place ?? turn.from, rows.at(-1)?.place ?? turn.from]
  const gallery = {
    rows,
    sought: { status, unknown: taskId === '' ? undefined : taskId },
    newer: isFirst ? undefined : pathOf(status, { above: newest }),
    older: hasMore || isWayUp ? pathOf(status, { below: oldest }) : undefined,
  }
  c.status(taskId === '' ? 200 : 404)
  return c.render(<Gallery {...gallery} />, { title: 'Gallery', section: 'Gallery' })
})

/** From the newest one on, or from a place up or down. */
function turnOf(c: Context<Visit>): Turn {
  const [above, below] = [placeOf(c.req.query('above')), placeOf(c.req.query('below'))]
  if (above !== undefined) return { to: 'newer', from: above }
  return { to: 'older', from: below ?? Number.MAX_SAFE_INTEGER }
}

function placeOf(given: string | undefined): number | undefined {
  return given !== undefined && /^\d{1,15}$|^\d{16}$/.test(given)
    ? Math.min(Number(given), Number.MAX_SAFE_INTEGER)
    : undefined
}

pages.get('/new', async (c) => {
  const than = placeOf(c.req.query('than')) ?? Number.MAX_SAFE_INTEGER
  return c.json({ count: await countNewer(c.env.DB, than), most: MOST_NEW })
})

pages.get('/tasks/:task_id', async (c) => {
  const stored = await findTask(c.env.DB, partOf(c.req.url, 2))
  if (stored === undefined) {
    return notFound(c, 'No such task is known', 'It may have been deleted, or its callback may still come.')
  }
  const record = JSON.parse(stored.record) as SnapshotRecord
  const from = Math.max((placeOf(c.req.query('from')) ?? 1) - 1, 0)
  return c.render(<Task record={record} stored={stored} from={from} />, { title: record.task_id })
})

function notFound(c: Context<Visit>, title: string, words: string) {
  c.status(404)
  return c.render(
    <Fact title={title}>
      <p>{words}</p>
    </Fact>,
    { title },
  )
}

pages.get('/quarantine', async (c) => {
  const after = cursorOf(c.req.query('below'))
  const { items, next } = await listEntries(c.env.DB, { limit: QUARANTINE_ROWS, after })
  const ids = items.map(({ id }) => id)
  const quarantine = {
    groups: grouped(items),
    beginnings: await beginningsOf(c.env.DB, ids, BEGINNING_LENGTH),
    newest: after === undefined ? undefined : '/quarantine',
    older: next === undefined ? undefined : `/quarantine?below=${next.received_at}-${next.rowid}`,
  }
  return c.render(<Quarantine {...quarantine} />, { title: 'Quarantine', section: 'Quarantine' })
})

function cursorOf(given: string | undefined): QuarantineCursor | undefined {
  const [, received_at, rowid] = /^(\d{1,15})-(\d{1,15})$/.exec(given ?? '') ?? []
  return received_at === undefined ? undefined : { received_at: Number(received_at), rowid: Number(rowid) }
}

pages.get('/quarantine/:id', async (c) => {
  const entry = await findEntry(c.env.DB, partOf(c.req.url, 2))
  if (entry === undefined) {
    const words = 'It may have been accepted, deleted, or dropped after 30 days.'
    return notFound(c, 'Nothing is in quarantine under this id', words)
  }
  const isCompared = REMEDY[entry.reason] === 'compare'
  const stored = isCompared && entry.task_id !== null ? await findRecord(c.env.DB, entry.task_id) : undefined
  const page = {
    entry,
    record: isCompared ? await recordOf(entry) : undefined,
    stored: stored && JSON.parse(stored.record),
  }
  return c.render(<Entry {...page} />, { title: 'In quarantine', section: 'Quarantine' })
})

pages.get('/health', async (c) => showHealth(c, undefined))

/** @param test the steps of a test callback that was just sent */
export async function showHealth(c: Context<Visit>, test: readonly Check[] | undefined): Promise<Response> {
  const settings = c.get('settings')
  const { pathTokens } = settings
  const health = {
    checks: [...(await storeChecksOf(c)), ...secretChecks(settings), ...settingChecks(settings)],
    test,
    hasPathToken: isFault(pathTokens) || pathTokens.length > 0,
  }
  return c.render(<Health {...health} />, { title: 'Health', section: 'Health' })
}

async function storeChecksOf(c: Context<Visit>): Promise<Check[]> {
  const { DB } = c.env
  const now = c.get('now')
  try {
    const [aside, state] = await Promise.all([asideState(DB), overview(DB)])
    return [...callbackChecks(state, originOf(c.req.url), now), ...storeChecks(state, aside, now)]
  } catch (error) {
    log('error', 'health.failed', { store: 'd1', why: messageOf(error) })
    const more = 'Callbacks wait for D1 until it does. Cloudflare says how D1 is:'
    return [{ shape: 'bad', words: 'D1 does not answer', more, command: 'https://www.cloudflarestatus.com/' }]
  }
}
