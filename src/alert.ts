/** Tells ALERT_URL what someone should look at: a change of the verdict, tasks that failed, first entries in quarantine. */
import { withDeadline } from './deadline.ts'
import { ASIDE_DEADLINE_MS } from './intake/buffer.ts'
import { log, messageOf } from './log.ts'
import { type Env, isFault, type Settings } from './settings.ts'
import { acceptedWords, badgeOf, type FailedTask, failedAfter, inQuarantine, MOST_FAILED } from './store/health.ts'
import { type Health, type HealthFacts, judge } from './store/health.ts'
import { type AlertState, noteAlert } from './store/state.ts'

/** While the verdict is not ok, it is told again. */
const REMINDER_MS = 24 * 3_600_000
const TARGET_DEADLINE_MS = 5_000

/** What was told is kept in ASIDE under this key while D1 does not take it. With both down, it is told each minute. */
const TOLD_KEY = 'told'
/** Less than a minute, so that the next minute reads what this one has put. */
const TOLD_CACHE_SECONDS = 30

/** A sentence, and the page that shows more. */
type News = { words: string; page: string }

/** Throws when the target or D1 fails: the next minute tries again. */
export async function alert(env: Env, settings: Settings, now: number): Promise<void> {
  const { alertUrl } = settings
  if (alertUrl === undefined || isFault(alertUrl)) return
  const health = await judge(env.DB, settings, now)
  const { facts } = health
  const inAside = await toldInAside(env.ASIDE)
  const told = latest(facts?.told, inAside)
  const verdict = [health.status, ...health.findings.map(({ part }) => part)].join(' ')
  const failed = facts ? await failedAfter(env.DB, told?.failure ?? -1) : []
  const isToTell = isNews(health, verdict, told, now)
  const news = [
    ...(isToTell ? [verdictNews(health, told)] : []),
    ...(facts && told ? otherNews(facts, told, failed) : []),
  ]
  if (news.length > 0) await send(alertUrl, news, health)
  const next: AlertState = {
    verdict,
    at: isToTell || told === undefined ? now : told.at,
    failure: failed[0]?.place ?? told?.failure ?? (facts && 0),
    hasQuarantine: facts ? inQuarantine(facts).count > 0 : told?.hasQuarantine,
  }
  const isInD1 = facts !== undefined && (isSame(next, facts.told) || (await isNoted(env.DB, next, now)))
  // D1 has it before ASIDE forgets: of two the later one counts.
  if (isInD1 && inAside) await withDeadline(env.ASIDE.delete(TOLD_KEY), ASIDE_DEADLINE_MS, 'ASIDE')
  if (!isInD1 && !isSame(next, told)) await putInAside(env.ASIDE, next)
}

/** ASIDE may still have what D1 has taken already: KV forgets late. */
function latest(inD1: AlertState | undefined, inAside: AlertState | undefined): AlertState | undefined {
  return inAside === undefined || (inD1 && inAside.at < inD1.at) ? inD1 : { ...inD1, ...inAside }
}

function isSame(state: AlertState, other: AlertState | undefined): boolean {
  return JSON.stringify(state) === JSON.stringify(other)
}

/** A verdict that was ok before anyone asked for alerts is no news. */
function isNews({ status }: Health, verdict: string, told: AlertState | undefined, now: number): boolean {
  if (told === undefined) return status !== 'ok'
  return told.verdict !== verdict || (status !== 'ok' && now - told.at >= REMINDER_MS)
}

function verdictNews(health: Health, told: AlertState | undefined): News {
  const { title } = badgeOf(health)
  const reasons = health.findings.map(({ words }) => words)
  if (health.status === 'ok') reasons.push(acceptedWords(health.facts, told?.at ?? 0) ?? 'everything works again')
  return { words: `${title}: ${reasons.join(', ')}.`, page: '/health' }
}

/** What was there before anyone asked for alerts is no news. */
function otherNews(facts: HealthFacts, told: AlertState, failed: readonly FailedTask[]): News[] {
  const [last] = told.failure === undefined ? [] : failed
  const more = failed.length === MOST_FAILED ? 'more' : `${failed.length - 1}`
  const others = failed.length > 1 ? `, and ${more} others` : ''
  const reasons = Object.entries(facts.quarantined).filter(([, { count }]) => count > 0)
  const counts = reasons.map(([reason, { count }]) => `${count} as ${reason}`)
  const hasFirstEntries = inQuarantine(facts).count > 0 && told.hasQuarantine === false
  return [
    ...(last ? [{ words: `Task ${last.task_id} failed: ${last.reason}${others}.`, page: pageOf(last.task_id) }] : []),
    ...(hasFirstEntries ? [{ words: `In quarantine: ${counts.join(', ')}.`, page: '/quarantine' }] : []),
  ]
}

function pageOf(taskId: string): string {
  return `/tasks/${encodeURIComponent(taskId)}`
}

/** `text` is what Slack shows, `content` what Discord shows. */
async function send(target: string, news: readonly News[], { status, findings }: Health) {
  const since = Math.min(...findings.map((finding) => finding.since ?? Infinity))
  const text = news.map(({ words, page }) => `${words} See ${page}`).join(' ')
  const body = JSON.stringify({
    text,
    content: text,
    status,
    parts: findings.map(({ part }) => part),
    since: Number.isFinite(since) ? new Date(since).toISOString() : null,
    url: news[0]?.page,
  })
  const headers = { 'content-type': 'application/json', 'user-agent': 'zego-snapshots' }
  const request = fetch(target, { method: 'POST', body, headers, redirect: 'manual' })
  const response = await withDeadline(request, TARGET_DEADLINE_MS, 'ALERT_URL')
  await response.body?.cancel()
  if (!response.ok) throw new Error(`ALERT_URL answered ${response.status}`)
  log('info', 'alert.sent', { status, news: news.length })
}

/** D1 may be read and take no more writes: the free plan's are used up, or it is full. */
async function isNoted(db: D1Database, state: AlertState, now: number): Promise<boolean> {
  try {
    await noteAlert(db, state, now)
    return true
  } catch (error) {
    log('warn', 'alert.unnoted', { store: 'd1', why: messageOf(error) })
    return false
  }
}

async function putInAside(aside: KVNamespace, told: AlertState): Promise<void> {
  await withDeadline(aside.put(TOLD_KEY, JSON.stringify(told)), ASIDE_DEADLINE_MS, 'ASIDE')
}

/** `undefined` where ASIDE does not answer, too. */
async function toldInAside(aside: KVNamespace): Promise<AlertState | undefined> {
  try {
    const told = aside.get<AlertState>(TOLD_KEY, { type: 'json', cacheTtl: TOLD_CACHE_SECONDS })
    return (await withDeadline(told, ASIDE_DEADLINE_MS, 'ASIDE')) ?? undefined
  } catch (error) {
    log('warn', 'alert.unread', { store: 'aside', why: messageOf(error) })
    return undefined
  }
}
