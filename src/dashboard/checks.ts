/** The checklist of the health page: a fact a line and, where it is unwell, the one command that fixes it. */
import { faultsOf, isFault, type SettingFault, type Settings } from '../settings.ts'
import type { Count, Counts, Facts } from '../store/facts.ts'
import { type Health, type Part, totalOf } from '../store/health.ts'
import { USUAL_NAME, workerName } from './visit.ts'
import { duration, plural } from './words.ts'

export type Check = {
  shape: 'well' | 'waiting' | 'bad'
  words: string
  /** When, in milliseconds. */
  at?: number | undefined
  more?: string | undefined
  command?: string | undefined
}

const well = (words: string, more?: string): Check => ({ shape: 'well', words, more })
const waiting = (words: string, more: string, command?: string): Check => ({ shape: 'waiting', words, more, command })
const bad = (words: string, more: string | undefined, command: string): Check => ({
  shape: 'bad',
  words,
  more,
  command,
})

/** A refusal is shown for so long. */
const RECENT_MS = 24 * 3_600_000

function put(setting: string): string {
  const name = workerName()
  return `npx wrangler secret put ${setting}${name === USUAL_NAME ? '' : ` --name ${name}`}`
}

function deploy(): string {
  const name = workerName()
  return name === USUAL_NAME ? 'npx wrangler deploy' : `npm run deploy -- --name ${name}`
}

const tail = () => `npx wrangler tail ${workerName()} --search publish.failed`

/** A secret without which nothing works, and how it is set. */
export function secretChecks({ secrets, apiTokens }: Settings): Check[] {
  return [
    secretCheck(secrets, 'ZEGO_CALLBACK_SECRET', 'The CallbackSecret of the ZEGOCLOUD console, not the ServerSecret.'),
    secretCheck(apiTokens, 'API_TOKEN', 'A long random text of your own. It is the password of this page too.'),
  ]
}

function secretCheck(setting: object | SettingFault, name: string, more: string): Check {
  return isFault(setting) ? bad(`${name}: ${setting.why}`, more, put(name)) : well(`${name} is set`)
}

/** Settings that may be missing, but not be broken. */
export function settingChecks(settings: Settings): Check[] {
  const { secrets, apiTokens, pathTokens, toleranceSeconds, serverSecrets } = settings
  const broken = faultsOf(settings).filter((fault) => fault !== secrets && fault !== apiTokens)
  return [
    ...broken.map(faultCheck),
    ...(isFault(pathTokens) ? [] : [pathTokenCheck(pathTokens)]),
    ...(toleranceSeconds === 0 ? [NO_TOLERANCE] : []),
    ...serverSecretChecks(serverSecrets),
  ]
}

function faultCheck({ setting, why }: SettingFault): Check {
  const isSecret = /SECRET|TOKEN|ALERT/.test(setting)
  const setVar = () => `# in wrangler.toml, under [vars], then: ${deploy()}\n${setting} = …`
  return bad(`${setting}: ${why}`, undefined, isSecret ? put(setting) : setVar())
}

function pathTokenCheck(tokens: readonly string[]): Check {
  if (tokens.length > 0) return well('Callbacks are received at a URL with a path token only')
  const more = 'ZEGOCLOUD does not sign the body: a secret URL is a second factor. Give ZEGOCLOUD the long URL first.'
  return well('No path token is set', `${more} Then: ${put('CALLBACK_PATH_TOKEN')}`)
}

const NO_TOLERANCE = waiting(
  'The age of timestamps is not checked',
  'SIGNATURE_TOLERANCE_SECONDS is 0: a callback of any age is accepted.',
)

function serverSecretChecks(secrets: Settings['serverSecrets']): Check[] {
  if (!isFault(secrets)) return [well(`ZEGOCLOUD is asked about pending tasks of ${plural(secrets.size, 'app')}`)]
  if (!secrets.isMissing) return []
  return [well('ZEGOCLOUD is not asked about pending tasks: ZEGO_SERVER_SECRET is not set')]
}

/** What store/health.ts finds, line by line, and what is well. */
export function storeChecks({ facts, findings }: Health, counts: Counts | undefined, now: number): Check[] {
  if (facts === undefined || counts === undefined) {
    const more = 'Callbacks wait for D1 until it does. Cloudflare says how D1 is:'
    return [bad('D1 does not answer', more, 'https://www.cloudflarestatus.com/')]
  }
  const isFound = (part: Part) => findings.some((finding) => finding.part === part)
  return [
    well('D1 answers'),
    eventCheck(counts.unsent, facts.oldestEvent, isFound('publishing'), now),
    kvCheck(counts.notInKv, facts.oldestForKv, isFound('kv'), now),
    ...(counts.refusedByKv.count > 0 ? [waiting(`${counted(counts.refusedByKv, 'result')} refused by KV`, NEVER)] : []),
    asideCheck(facts.aside),
    quarantineCheck(facts.quarantined),
    ...fullChecks(facts.quarantined),
    well(`${counted(counts.pending, 'task')} pending`),
  ]
}

const NEVER = 'KV will never accept them as they are. D1 and GET /v1/snapshots have them; Send again tries once more.'

function eventCheck(unsent: Count, oldest: number | null, isLate: boolean, now: number): Check {
  if (unsent.count === 0) return well('Every event has reached the queue')
  const words = `${counted(unsent, 'event')} to be sent${forHow(oldest, now)}`
  return isLate ? bad(words, 'It is tried again by itself. The log says why it failed:', tail()) : well(words)
}

function kvCheck(missing: Count, oldest: number | null, isLate: boolean, now: number): Check {
  if (missing.count === 0) return well('KV has every result that was published')
  const words = `${counted(missing, 'result')} still to reach KV${forHow(oldest, now)}`
  const more = 'It is tried again by itself; after the free plan’s 1,000 writes a day, from 00:00 UTC.'
  return isLate ? waiting(words, `${more} The log says why:`, tail()) : well(words)
}

function forHow(oldest: number | null, now: number): string {
  return oldest === null ? '' : `, the oldest for ${duration(now - oldest)}`
}

function asideCheck({ waiting: count, poison }: Facts['aside']): Check {
  if (count + poison === 0) return well('No callback is waiting for D1')
  const words = `${plural(count, 'callback')} waiting for D1${poison > 0 ? `, and ${poison} that it refused` : ''}`
  return waiting(words, 'They reach D1 by themselves, every tenth minute.')
}

function quarantineCheck(quarantined: Facts['quarantined']): Check {
  const total = totalOf(quarantined)
  if (total.count === 0) return well('Nothing is in quarantine')
  return waiting(`${counted(total, 'callback')} in quarantine`, 'See Quarantine.')
}

function fullChecks(quarantined: Facts['quarantined']): Check[] {
  const more = 'Look at those that are kept, and delete all of this reason to keep others.'
  return Object.entries(quarantined).flatMap(([reason, { full }]) => {
    if (full === null) return []
    const which = full.onlyOfLarge ? 'callbacks of over 32 KB' : 'callbacks'
    return [{ ...waiting(`No more ${which} are kept as ${reason} since`, more), at: full.since }]
  })
}

export function callbackChecks({ facts }: Health, origin: string, now: number): Check[] {
  if (facts === undefined) return []
  const { lastCallback, lastRefusals } = facts
  const why = 'This tells why callbacks do not arrive:'
  const last = lastCallback
    ? { ...well(`The last callback came${pathWords(lastCallback.withPathToken)}`), at: lastCallback.at }
    : waiting('No callback has been accepted yet', why, `npm run doctor -- ${origin}`)
  const recent = Object.entries(lastRefusals).filter(([, at]) => now - at < RECENT_MS)
  const refusals = recent.map(([code, at]): Check => ({
    shape: 'waiting',
    words: `A callback was refused: ${code}`,
    at,
    ...remedyOf(code),
  }))
  return [last, ...refusals]
}

/** The last callback that was refused, and how many of its kind are in quarantine. */
export function lastRefusalOf({ lastRefusals, quarantined }: Facts) {
  const [last] = Object.entries(lastRefusals).toSorted(([, a], [, b]) => b - a)
  if (last === undefined) return undefined
  const [code, at] = last
  const kept = Object.entries(quarantined).find(([reason]) => reason === code)?.[1].count ?? 0
  return { code, at, kept, ...remedyOf(code) }
}

function remedyOf(code: string): Pick<Check, 'more' | 'command'> {
  const { more, setting } = REFUSALS[code] ?? {}
  return { more, command: setting && put(setting) }
}

const BY_ITSELF = 'What is in quarantine is then accepted by itself.'

const REFUSALS: Record<string, { more: string; setting?: string }> = {
  bad_signature: {
    more: `It is forged, or ZEGO_CALLBACK_SECRET is wrong: set it to the CallbackSecret of ZEGOCLOUD’s console. ${BY_ITSELF}`,
    setting: 'ZEGO_CALLBACK_SECRET',
  },
  not_configured: { more: `A setting is missing or broken: Health says which. ${BY_ITSELF}` },
  wrong_path: {
    more: `Its URL has another path, or another path token than the one that is set. ${BY_ITSELF}`,
    setting: 'CALLBACK_PATH_TOKEN',
  },
  unknown_app: {
    more: 'It is signed with the secret of another app than its own. If that app is yours, add its appid.',
    setting: 'ZEGO_CALLBACK_SECRET',
  },
  undecodable: { more: 'No callback can be read from its bytes. They are in quarantine.' },
  invalid_timestamp: { more: 'Its timestamp is not a Unix time in seconds or milliseconds. It is in quarantine.' },
  stale: { more: 'Its timestamp is too far from now: a clock is wrong, or it was replayed. It is in quarantine.' },
  body_too_large: { more: 'Ask ZEGOCLOUD for fewer screenshots a task: this one was lost.' },
}

function pathWords(withPathToken: boolean | null): string {
  return withPathToken === null ? '' : withPathToken ? ', with a path token' : ', without a path token'
}

function counted({ count, exact }: Count, one: string): string {
  return `${exact ? '' : 'Over '}${plural(count, one)}`
}
