/** Tells ALERT_URL what someone should look at: a change of the verdict, tasks that failed, first entries in quarantine. */
import { withDeadline } from './deadline.ts'
import { ASIDE_DEADLINE_MS } from './intake/buffer.ts'
import { log, messageOf } from './log.ts'
import { type Env, isFault, type Settings } from './settings.ts'
import { acceptedWords, badgeOf, type FailedTask, failedAfter, inQuarantine, MOST_FAILED } from './store/health.ts'
import { type Health, type HealthFacts, judge } from './store/health.ts'
import { noteAlert, type ToldVerdict } from './store/state.ts'

/** While the verdict is not ok, it is told again. */
const REMINDER_MS = 24 * 3_600_000
const TARGET_DEADLINE_MS = 5_000

/** What is told while D1 is down is kept in ASIDE under this key until D1 is back. With both down, it is told each minute. */
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
  const aside = await toldInAside(env.ASIDE)
  const told = latest(facts?.told, aside)
  const verdict = [health.status, ...health.findings.map(({ part }) => part)].join(' ')
  const failed = facts ? await failedAfter(env.DB, facts.told?.failure ?? -1) : []
  const isToTell = isNews(health, verdict, told, now)
  const news = [...(isToTell ? [verdictNews(health, told)] : []), ...(facts?.told ? otherNews(facts, failed) : [])]
  if (news.length > 0) await send(alertUrl, news, health)
  const next = { verdict, at: isToTell || told === undefined ? now : told.at }
  if (facts) await rememberInD1(env, next, facts, failed, aside !== undefined, now)
  else if (isToTell) await rememberInAside(env.ASIDE, next)
}

/** ASIDE may still have what D1 has taken already: KV forgets late. */
function latest(inD1: ToldVerdict | undefined, inAside: ToldVerdict | undefined): ToldVerdict | undefined {
  return inD1 && inAside && inAside.at < inD1.at ? inD1 : (inAside ?? inD1)
}

/** A verdict that was ok before anyone asked for alerts is no news. */
function isNews({ status }: Health, verdict: string, told: ToldVerdict | undefined, now: number): boolean {
  if (told === undefined) return status !== 'ok'
  return told.verdict !== verdict || (status !== 'ok' && now - told.at >= REMINDER_MS)
}

function verdictNews(health: Health, told: ToldVerdict | undefined): News {
  const { title } = badgeOf(health)
  const reasons = health.findings.map(({ words }) => words)
  if (health.status === 'ok') reasons.push(acceptedWords(health.facts, told?.at ?? 0) ?? 'everything works again')
  return { words: `${title}: ${reasons.join(', ')}.`, page: '/health' }
}

/** What was there before anyone asked for alerts is no news. */
function otherNews(facts: HealthFacts, failed: readonly FailedTask[]): News[] {
  const [last] = failed
  const more = failed.length === MOST_FAILED ? 'more' : `${failed.length - 1}`
  const others = failed.length > 1 ? `, and ${more} others` : ''
  const reasons = Object.entries(facts.quarantined).filter(([, { count }]) => count > 0)
  const counts = reasons.map(([reason, { count }]) => `${count} as ${reason}`)
  return [
    ...(last ? [{ words: `Task ${last.task_id} failed: ${last.reason}${others}.`, page: pageOf(last.task_id) }] : []),
    ...(hasFirstEntries(facts) ? [{ words: `In quarantine: ${counts.join(', ')}.`, page: '/quarantine' }] : []),
  ]
}

function pageOf(taskId: string): string {
  return `/tasks/${encodeURIComponent(taskId)}`
}

function hasFirstEntries(facts: HealthFacts): boolean {
  return inQuarantine(facts).count > 0 && facts.told?.hasQuarantine === false
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

/** D1 has it before ASIDE forgets: of two the later one counts. */
async function rememberInD1(
  { DB, ASIDE }: Env,
  told: ToldVerdict,
  facts: HealthFacts,
  failed: readonly FailedTask[],
  isInAside: boolean,
  now: number,
): Promise<void> {
  const failure = failed[0]?.place ?? facts.told?.failure ?? 0
  const state = { ...told, failure, hasQuarantine: inQuarantine(facts).count > 0 }
  if (JSON.stringify(state) !== JSON.stringify(facts.told)) await noteAlert(DB, state, now)
  if (isInAside) await withDeadline(ASIDE.delete(TOLD_KEY), ASIDE_DEADLINE_MS, 'ASIDE')
}

async function rememberInAside(aside: KVNamespace, told: ToldVerdict): Promise<void> {
  await withDeadline(aside.put(TOLD_KEY, JSON.stringify(told)), ASIDE_DEADLINE_MS, 'ASIDE')
}

/** `undefined` where ASIDE does not answer, too. */
async function toldInAside(aside: KVNamespace): Promise<ToldVerdict | undefined> {
  try {
    const told = aside.get<ToldVerdict>(TOLD_KEY, { type: 'json', cacheTtl: TOLD_CACHE_SECONDS })
    return (await withDeadline(told, ASIDE_DEADLINE_MS, 'ASIDE')) ?? undefined
  } catch (error) {
    log('warn', 'alert.untold', { store: 'aside', why: messageOf(error) })
    return undefined
  }
}
