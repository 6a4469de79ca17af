/** What can be looked at. */
import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import type { SnapshotRecord } from '../event.ts'
import { partOf } from '../http/request.ts'
import { log, messageOf } from '../log.ts'
import { faultsOf, isFault, type Settings } from '../settings.ts'
import { countNewer, findTask, MOST_NEW, type Turn, pageOf } from '../store/gallery.ts'
import { beginningsOf, findEntry, type QuarantineCursor, listEntries } from '../store/quarantine.ts'
import { findRecord, type Status } from '../store/snapshots.ts'
import { asideState, overview } from '../store/state.ts'
import { callbackChecks, type Check, secretChecks, settingChecks, storeChecks } from './checks.ts'
import { answerPage, isHttps, originOf, type Visit } from './auth.tsx'
import { Gallery, pathOf } from './gallery.tsx'
import { Health } from './health.tsx'
import { grouped, recordOf, REMEDY } from './kept.ts'
import { EntryPage } from './kept-page.tsx'
import { Plain, type Top } from './layout.tsx'
import { type Badge, badgeOf } from './badge.ts'
import { flashOf } from './flash.ts'
import { BEGINNING_LENGTH, Quarantine } from './quarantine.tsx'
import { pathOfTask, Task } from './task.tsx'

export const pages = new Hono<Visit>()

const STATUSES: ReadonlySet<string> = new Set<Status>(['pending', 'completed', 'failed'])
const QUARANTINE_ROWS = 30

pages.get('/', async (c) => {
  const { DB } = c.env
  const taskId = c.req.query('task_id')?.trim() ?? ''
  if (taskId !== '' && (await findRecord(DB, taskId))) return c.redirect(pathOfTask(taskId), 303)
  const given = c.req.query('status') ?? ''
  const status = STATUSES.has(given) ? (given as Status) : undefined
  const turn = turnOf(c)
  const [top, { rows, hasMore }] = await Promise.all([topOf(c), pageOf(DB, status, turn)])
  const [isFirst, isWayUp] = [turn.from === Number.MAX_SAFE_INTEGER, turn.to === 'newer']
  // The top is reached: it is shown whole.
  if (isWayUp && !hasMore) return c.redirect(pathOf(status), 303)
  const [newest, oldest] = [rows[0]?.place ?? turn.from, rows.at(-1)?.place ?? turn.from]
  const gallery = {
    top,
    rows,
    sought: { status, unknown: taskId === '' ? undefined : taskId },
    newer: isFirst ? undefined : pathOf(status, { above: newest }),
    older: hasMore || isWayUp ? pathOf(status, { below: oldest }) : undefined,
    isHttps: isHttps(c),
    origin: originOf(c),
    isAsked: asker(c.get('settings')),
    now: Date.now(),
  }
  return answerPage(c, <Gallery {...gallery} />, taskId === '' ? 200 : 404)
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
  const { DB } = c.env
  const taskId = partOf(c.req.url, 2)
  const [top, stored] = await Promise.all([topOf(c), findTask(DB, taskId)])
  if (stored === undefined) {
    const words = 'It may have been deleted, or its callback may still come.'
    return answerPage(
      c,
      <Plain title="No such task is known" top={top}>
        <p>{words}</p>
      </Plain>,
      404,
    )
  }
  const task = {
    top,
    record: JSON.parse(stored.record) as SnapshotRecord,
    stored,
    from: Math.max((placeOf(c.req.query('from')) ?? 1) - 1, 0),
    isHttps: isHttps(c),
    isAsked: asker(c.get('settings')),
    note: flashOf(c.req.query('note')),
    now: Date.now(),
  }
  return answerPage(c, <Task {...task} />)
})

pages.get('/quarantine', async (c) => {
  const { DB } = c.env
  const after = keptPlaceOf(c.req.query('below'))
  const [top, { items, next }] = await Promise.all([topOf(c), listEntries(DB, { limit: QUARANTINE_ROWS, after })])
  const quarantine = {
    top,
    groups: grouped(items),
    beginnings: await beginningsOf(
      DB,
      items.map(({ id }) => id),
      BEGINNING_LENGTH,
    ),
    newest: after === undefined ? undefined : '/quarantine',
    older: next === undefined ? undefined : `/quarantine?below=${next.received_at}-${next.rowid}`,
    note: flashOf(c.req.query('note')),
    now: Date.now(),
  }
  return answerPage(c, <Quarantine {...quarantine} />)
})

function keptPlaceOf(given: string | undefined): QuarantineCursor | undefined {
  const [, received_at, rowid] = /^(\d{1,15})-(\d{1,15})$/.exec(given ?? '') ?? []
  return received_at === undefined ? undefined : { received_at: Number(received_at), rowid: Number(rowid) }
}

pages.get('/quarantine/:id', async (c) => {
  const [top, kept] = await Promise.all([topOf(c), findEntry(c.env.DB, partOf(c.req.url, 2))])
  if (kept === undefined) {
    const words = 'It may have been taken in, deleted, or dropped after 30 days.'
    return answerPage(
      c,
      <Plain title="Nothing is kept under this id" top={top}>
        <p>{words}</p>
      </Plain>,
      404,
    )
  }
  const isCompared = REMEDY[kept.reason] === 'compare'
  const stored = isCompared && kept.task_id !== null ? await findRecord(c.env.DB, kept.task_id) : undefined
  const page = {
    top,
    kept,
    record: isCompared ? await recordOf(kept) : undefined,
    stored: stored && JSON.parse(stored.record),
    note: flashOf(c.req.query('note')),
    now: Date.now(),
  }
  return answerPage(c, <EntryPage {...page} />)
})

pages.get('/health', async (c) => showHealth(c, undefined))

/** @param test the steps of a test callback that was just sent */
export async function showHealth(c: Context<Visit>, test: readonly Check[] | undefined): Promise<Response> {
  const settings = c.get('settings')
  const { pathTokens } = settings
  const now = Date.now()
  const health = {
    top: await topOf(c),
    checks: [...(await storeChecksOf(c, now)), ...secretChecks(settings), ...settingChecks(settings)],
    test,
    origin: originOf(c),
    hasPathToken: isFault(pathTokens) || pathTokens.length > 0,
    now,
  }
  return answerPage(c, <Health {...health} />)
}

async function storeChecksOf(c: Context<Visit>, now: number): Promise<Check[]> {
  const { DB } = c.env
  try {
    const [aside, state] = await Promise.all([asideState(DB), overview(DB)])
    return [...callbackChecks(state, originOf(c), now), ...storeChecks(state, aside, now)]
  } catch (error) {
    log('error', 'health.failed', { store: 'd1', why: messageOf(error) })
    const more = 'Callbacks are put aside until it does. Cloudflare says how D1 is:'
    return [{ shape: 'bad', words: 'D1 does not answer', more, command: 'https://www.cloudflarestatus.com/' }]
  }
}

export async function topOf(c: Context<Visit>): Promise<Top> {
  return { csrf: c.get('session').csrf, badge: await badgeOrNone(c) }
}

async function badgeOrNone(c: Context<Visit>): Promise<Badge | undefined> {
  if (faultsOf(c.get('settings')).length > 0) return { shape: 'bad', words: 'a setting is broken' }
  try {
    return await badgeOf(c.env.DB, Date.now())
  } catch {
    return undefined
  }
}

/** Whether ZEGOCLOUD is asked about the tasks of an app. */
function asker({ serverSecrets }: Settings): (appid: string) => boolean {
  return (appid) => !isFault(serverSecrets) && serverSecrets.has(appid)
}
