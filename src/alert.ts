/** Tells ALERT_URL what someone should look at: a change of the health verdict, a task that failed, a first entry in quarantine. */
import { withDeadline } from './deadline.ts'
import { log } from './log.ts'
import { type Env, isFault, type Settings } from './settings.ts'
import { lastFailure } from './store/facts.ts'
import { type Health, judge, totalOf } from './store/health.ts'
import { type AlertState, alertState, noteAlert, originOf } from './store/state.ts'

/** While all is not well, it is said again. */
const REMINDER_MS = 24 * 3_600_000
const TARGET_DEADLINE_MS = 5_000

/** What this isolate has told last, for as long as D1 cannot remember it. */
let toldByIsolate: AlertState | undefined

/** Throws when the target or D1 fails: the next minute tries again. */
export async function alert(env: Env, settings: Settings, now: number): Promise<void> {
  const { alertUrl } = settings
  if (alertUrl === undefined || isFault(alertUrl)) return
  const health = await judge(env.DB, settings, now)
  const isReadable = health.facts !== undefined
  const told = isReadable ? await alertState(env.DB) : toldByIsolate
  const state = await stateOf(env, health, told, now)
  const news = newsOf(health, state, told, now)
  if (news.length > 0) await send(alertUrl, news, health, isReadable ? await originOf(env.DB) : undefined)
  toldByIsolate = news.length > 0 ? state : { ...state, at: told?.at ?? now }
  if (isReadable) await noteAlert(env.DB, toldByIsolate, now)
}

async function stateOf({ DB }: Env, { status, findings, facts }: Health, told: AlertState | undefined, now: number) {
  return {
    verdict: [status, ...findings.map(({ part }) => part)].join(' '),
    at: now,
    failure: facts === undefined ? (told?.failure ?? 0) : await lastFailure(DB),
    hasQuarantine: facts === undefined ? (told?.hasQuarantine ?? false) : totalOf(facts.quarantined).count > 0,
  }
}

/** In sentences. What was there before anyone asked for alerts is no news, except a verdict that is not ok. */
function newsOf(health: Health, state: AlertState, told: AlertState | undefined, now: number): string[] {
  const isWell = health.status === 'ok'
  const hasChanged = told === undefined ? !isWell : told.verdict !== state.verdict
  const isReminder = told !== undefined && !isWell && now - told.at >= REMINDER_MS
  return [
    ...(hasChanged || isReminder ? [verdictSentence(health)] : []),
    ...(told && state.failure > told.failure ? ['A screenshot task has failed.'] : []),
    ...(told && state.hasQuarantine && !told.hasQuarantine ? ['A callback was put in quarantine.'] : []),
  ]
}

function verdictSentence({ status, findings }: Health): string {
  if (status === 'ok') return 'All is well again.'
  return `The receiver is ${status}: ${findings.map(({ words }) => words).join(', ')}.`
}

/** `text` is what Slack shows, `content` what Discord shows. */
async function send(target: string, news: readonly string[], { status, findings }: Health, origin: string | undefined) {
  const since = Math.min(...findings.map((finding) => finding.since ?? Infinity))
  const url = origin === undefined ? null : `${origin}/health`
  const text = [...news, ...(url === null ? [] : [url])].join(' ')
  const body = JSON.stringify({
    text,
    content: text,
    status,
    parts: findings.map(({ part }) => part),
    since: Number.isFinite(since) ? new Date(since).toISOString() : null,
    url,
  })
  const headers = { 'content-type': 'application/json', 'user-agent': 'zego-snapshots' }
  const request = fetch(target, { method: 'POST', body, headers, redirect: 'manual' })
  const answer = await withDeadline(request, TARGET_DEADLINE_MS, 'ALERT_URL')
  await answer.body?.cancel()
  if (!answer.ok) throw new Error(`ALERT_URL answered ${answer.status}`)
  log('info', 'alert.sent', { status, news: news.length })
}
