/** The checklist of the health page: a fact a line and, where it is unwell, the one command that fixes it. */
import { isFault, type SettingFault, type Settings } from '../settings.ts'
import type { AsideState, Count, Overview } from '../store/state.ts'
import { duration, plural } from './words.ts'

export type Check = {
  shape: 'well' | 'waiting' | 'bad'
  words: string
  /** When, in milliseconds. */
  at?: number
  more?: string
  command?: string
}

const LATE_MS = 15 * 60_000
const RECENT_MS = 24 * 3_600_000

const put = (setting: string) => `npx wrangler secret put ${setting}`

/** A secret without which nothing works, and how it is set. */
export function secretChecks({ secrets, apiTokens }: Settings): Check[] {
  return [
    secretCheck(secrets, 'ZEGO_CALLBACK_SECRET', 'The CallbackSecret of the ZEGOCLOUD console, not the ServerSecret.'),
    secretCheck(apiTokens, 'API_TOKEN', 'A long random text of your own. It is the password of this page too.'),
  ]
}

function secretCheck(setting: object | SettingFault, name: string, more: string): Check {
  if (!isFault(setting)) return { shape: 'well', words: `${name} is set` }
  return { shape: 'bad', words: `${name}: ${setting.why}`, more, command: put(name) }
}

/** Settings that may be missing, but not be broken. */
export function settingChecks(settings: Settings): Check[] {
  const { pathTokens, toleranceSeconds, retentionDays, serverSecrets, apiUrl } = settings
  const broken = [pathTokens, toleranceSeconds, retentionDays, apiUrl].filter(isFault).map(faultCheck)
  return [
    ...broken,
    ...pathTokenChecks(pathTokens),
    ...toleranceChecks(toleranceSeconds),
    serverSecretCheck(serverSecrets),
  ]
}

function faultCheck({ setting, why }: SettingFault): Check {
  const isVar = !/SECRET|TOKEN/.test(setting)
  const command = isVar ? `# in wrangler.toml, under [vars], then: npx wrangler deploy\n${setting} = …` : put(setting)
  return { shape: 'bad', words: `${setting}: ${why}`, command }
}

function pathTokenChecks(tokens: Settings['pathTokens']): Check[] {
  if (isFault(tokens)) return []
  if (tokens.length > 0) return [{ shape: 'well', words: 'Callbacks are received at a URL with a path token only' }]
  const more = 'ZEGOCLOUD does not sign the body: a secret URL is a second factor. Give ZEGOCLOUD the long URL first.'
  return [{ shape: 'well', words: 'No path token is set', more: `${more} Then: ${put('CALLBACK_PATH_TOKEN')}` }]
}

function toleranceChecks(seconds: Settings['toleranceSeconds']): Check[] {
  if (seconds !== 0) return []
  const more = 'SIGNATURE_TOLERANCE_SECONDS is 0: a callback of any age is accepted.'
  return [{ shape: 'waiting', words: 'The age of timestamps is not checked', more }]
}

function serverSecretCheck(secrets: Settings['serverSecrets']): Check {
  if (!isFault(secrets))
    return { shape: 'well', words: `ZEGOCLOUD is asked about pending tasks of ${plural(secrets.size, 'app')}` }
  const isMissing = secrets.why === 'it is not set'
  if (isMissing)
    return { shape: 'well', words: 'ZEGOCLOUD is not asked about pending tasks: ZEGO_SERVER_SECRET is not set' }
  return faultCheck(secrets)
}

export function storeChecks(overview: Overview, aside: AsideState, now: number): Check[] {
  const { unsent, notInKv, pending, quarantined } = overview
  const kept = Object.values(quarantined).reduce((sum, { count }) => sum + count, 0)
  const isExact = Object.values(quarantined).every(({ exact }) => exact)
  return [
    { shape: 'well', words: 'D1 answers' },
    unsentCheck(unsent, now),
    notInKvCheck(notInKv, now),
    asideCheck(aside),
    kept === 0
      ? { shape: 'well', words: 'Nothing is in quarantine' }
      : {
          shape: 'waiting',
          words: `${isExact ? '' : 'Over '}${plural(kept, 'callback')} in quarantine`,
          more: 'See Quarantine.',
        },
    { shape: 'well', words: pending.count === 0 ? 'No task is pending' : `${counted(pending, 'task')} pending` },
  ]
}

const TAIL = 'npx wrangler tail zego-snapshots --search publish.failed'

function unsentCheck({ oldest, ...count }: Overview['unsent'], now: number): Check {
  if (count.count === 0) return { shape: 'well', words: 'Every event has reached the queue' }
  const isLate = oldest !== null && now - oldest > LATE_MS
  const words = `${counted(count, 'event')} to be sent, the oldest for ${duration(now - (oldest ?? now))}`
  return isLate
    ? { shape: 'bad', words, more: 'It is tried again by itself. This tells why:', command: TAIL }
    : { shape: 'well', words }
}

function notInKvCheck({ oldest, ...count }: Overview['notInKv'], now: number): Check {
  if (count.count === 0) return { shape: 'well', words: 'KV has every result that was published' }
  const words = `${counted(count, 'result')} still to reach KV, the oldest for ${duration(now - (oldest ?? now))}`
  if (oldest === null || now - oldest < LATE_MS) return { shape: 'well', words }
  const more = 'It is tried again by itself; after the free plan’s 1,000 writes a day, from 00:00 UTC. This tells why:'
  return { shape: 'waiting', words, more, command: TAIL }
}

function asideCheck({ waiting, parked }: AsideState): Check {
  if (waiting + parked === 0) return { shape: 'well', words: 'No callback is waiting for D1' }
  const words = `${plural(waiting, 'callback')} waiting for D1${parked > 0 ? `, and ${parked} that it refused` : ''}`
  return { shape: 'waiting', words, more: 'They reach D1 by themselves, every tenth minute.' }
}

export function callbackChecks({ lastCallback, lastRefusals }: Overview, origin: string, now: number): Check[] {
  const doctor = `npm run doctor -- ${origin}`
  const last: Check = lastCallback
    ? { shape: 'well', words: `The last callback came${pathWords(lastCallback.withPathToken)}`, at: lastCallback.at }
    : {
        shape: 'waiting',
        words: 'No callback has come yet',
        more: 'This tells why callbacks do not arrive:',
        command: doctor,
      }
  const refusals = Object.entries(lastRefusals)
    .filter(([, at]) => now - at < RECENT_MS)
    .map(([code, at]): Check => ({ shape: 'waiting', words: `A callback was refused: ${code}`, at, ...REFUSALS[code] }))
  return [last, ...refusals]
}

const REFUSALS: Record<string, Pick<Check, 'more' | 'command'>> = {
  bad_signature: { more: 'If ZEGOCLOUD sent it, ZEGO_CALLBACK_SECRET is wrong.', command: put('ZEGO_CALLBACK_SECRET') },
  not_found: {
    more: 'Another path, or another path token than the one that is set.',
    command: put('CALLBACK_PATH_TOKEN'),
  },
  body_too_large: { more: 'Ask ZEGOCLOUD for fewer screenshots a task: it was lost.' },
  unknown_app: { more: 'Add its appid to the secret.', command: put('ZEGO_CALLBACK_SECRET') },
}

function pathWords(withPathToken: boolean | null): string {
  return withPathToken === null ? '' : withPathToken ? ', with a path token' : ', without a path token'
}

function counted({ count, exact }: Count, one: string): string {
  return `${exact ? '' : 'Over '}${plural(count, one)}`
}
