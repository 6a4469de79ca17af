/** The lines of the health page: a part of the verdict or a fact each and, where something is to be done, the command. */
import { isRefusalCode, isSecret, REFUSALS } from '../callback/refusal.ts'
import { faultsOf, isFault, type SettingFault, type Settings } from '../settings.ts'
import { acceptedWords, type Finding, type Health, type HealthFacts } from '../store/health.ts'
import { inQuarantine, type Part, PARTS, RECENT_MS, type Shape } from '../store/health.ts'
import { isUnverified } from '../store/quarantine.ts'
import { USUAL_NAME, workerName } from './page.ts'
import { capitalized, duration, plural } from './format.ts'

export type Check = {
  /** As the verdict marks it; a `note` changes no verdict. */
  shape: Shape | 'note'
  words: string
  /** When, in milliseconds. */
  at?: number | undefined
  more?: string | undefined
  command?: string | undefined
  /** A page of its own. */
  page?: string
}

const well = (words: string): Check => ({ shape: 'well', words })
const note = (words: string, more?: string): Check => ({ shape: 'note', words, more })

/** The command that sets a secret. @param value that is no secret yet, if it is to be set by the command alone */
export function put(setting: string, value?: string): string {
  const name = workerName()
  const command = `npx wrangler secret put ${setting}${name === USUAL_NAME ? '' : ` --name ${name}`}`
  return value === undefined ? command : `echo ${value} | ${command}`
}

function deploy(): string {
  const name = workerName()
  return name === USUAL_NAME ? 'npx wrangler deploy' : `npm run deploy -- --name ${name}`
}

/** A secret without which nothing works, and how it is set. */
export function secretChecks({ secrets, apiTokens }: Settings): Check[] {
  return [
    secretCheck(secrets, 'ZEGO_CALLBACK_SECRET', 'The CallbackSecret of the ZEGOCLOUD console, not the ServerSecret.'),
    secretCheck(apiTokens, 'API_TOKEN', 'A long random text of your own. It is the password of this page too.'),
  ]
}

function secretCheck(setting: object | SettingFault, name: string, more: string): Check {
  if (!isFault(setting)) return well(`${name} is set`)
  return { shape: 'bad', words: `${name}: ${setting.why}`, more, command: put(name) }
}

type Line = {
  /** What is said where the part is well. */
  well: string
  /** What is added where it is not. */
  more?: string
  command?: () => string
}

const whyUnpublished = () => `npx wrangler tail ${workerName()} --search publish.failed`

/** A line for each part of the verdict but the settings, which have several; /v1/status counts what waits. */
const LINES: Record<Exclude<Part, 'settings'>, Line> = {
  d1: {
    well: 'D1 answers',
    more: 'Callbacks wait for D1 until it does. Cloudflare says how D1 is:',
    command: () => 'https://www.cloudflarestatus.com/',
  },
  publishing: {
    well: 'Events reach the queue in time',
    more: 'Retries continue. The log says why:',
    command: whyUnpublished,
  },
  kv: {
    well: 'Results reach KV in time',
    more: 'Retries continue; after the free plan’s 1,000 writes a day, from 00:00 UTC. D1 and the API have what KV rejects for good: Send again retries it. The log says why:',
    command: whyUnpublished,
  },
  aside: { well: 'No callback is waiting for D1', more: 'They reach D1 by themselves within minutes.' },
  callbacks: { well: 'No callback is refused' },
}

/** A line or more for each part of the verdict, with its marks, and then what changes no verdict. */
export function healthChecks({ facts, findings }: Health, settings: Settings, now: number): Check[] {
  const parts = PARTS.filter((part) => facts || part === 'settings' || part === 'd1')
  return [
    ...parts.flatMap((part) => {
      if (part === 'settings') return settingChecks(settings)
      const finding = findings.find((one) => one.part === part)
      return finding ? foundCheck(part, finding, now) : well(LINES[part].well)
    }),
    ...(facts ? factChecks(facts, findings, now) : []),
    ...pathTokenChecks(settings),
  ]
}

function foundCheck(part: Exclude<Part, 'settings'>, { shape, words, since, code }: Finding, now: number): Check {
  if (part === 'callbacks') return { shape, words: capitalized(words), at: since, ...remedyOf(code) }
  const { more, command } = LINES[part]
  const waited = since === undefined ? '' : `, for ${duration(now - since)}`
  return { shape, words: capitalized(words) + waited, more, command: command?.() }
}

/** Those that are set, and those that cannot be read. */
function settingChecks(settings: Settings): Check[] {
  const { secrets, apiTokens } = settings
  const broken = faultsOf(settings).filter((fault) => fault !== secrets && fault !== apiTokens)
  return [...secretChecks(settings), ...broken.map((fault) => faultCheck(fault))]
}

function faultCheck({ setting, why }: SettingFault): Check {
  const command = isSecret(setting)
    ? put(setting)
    : `# in wrangler.toml, under [vars], then: ${deploy()}\n${setting} = …`
  return { shape: 'bad', words: `${setting}: ${why}`, command }
}

function factChecks(facts: HealthFacts, findings: readonly Finding[], now: number): Check[] {
  const { lastCallback, quarantined } = facts
  const total = inQuarantine(facts)
  const accepted = acceptedWords(facts, now - RECENT_MS)
  return [
    lastCallback
      ? { ...well(`The last callback came${pathWords(lastCallback.withPathToken)}`), at: lastCallback.at }
      : note('No callback has been accepted yet', 'Doctor says why, by the command below.'),
    ...(accepted === undefined ? [] : [well(accepted)]),
    ...refusalChecks(facts, findings, now),
    total.count === 0
      ? well('Nothing is in quarantine')
      : {
          ...note(`${total.exact ? '' : 'Over '}${plural(total.count, 'callback')} in quarantine`),
          page: '/quarantine',
        },
    ...fullChecks(quarantined),
  ]
}

/** Refusals of the last day that change no verdict. */
function refusalChecks({ lastRefusals }: HealthFacts, findings: readonly Finding[], now: number): Check[] {
  const isOther = (code: string) => findings.every((finding) => finding.code !== code)
  const recent = Object.entries(lastRefusals).filter(([code, at]) => now - at < RECENT_MS && isOther(code))
  return recent.map(([code, at]) => ({ ...note(`A callback was refused: ${code}`), at, ...remedyOf(code) }))
}

function fullChecks(quarantined: HealthFacts['quarantined']): Check[] {
  const more = 'Delete those that you do not need, to keep others.'
  return Object.entries(quarantined).flatMap(([reason, { full }]) => {
    if (full === null) return []
    const which = full.onlyOfLarge ? 'callbacks of over 32 KB' : 'callbacks'
    return [{ ...note(`No more ${which} are kept as ${reason} since`, more), at: full.since }]
  })
}

function pathTokenChecks({ pathTokens }: Settings): Check[] {
  if (isFault(pathTokens) || pathTokens.length > 0) return []
  const why = 'ZEGOCLOUD does not sign the body: a secret URL is a second factor. The URL below has a token.'
  return [note('No path token is set', why)]
}

function remedyOf(code: string | undefined): Pick<Check, 'more' | 'command'> {
  if (code === undefined || !isRefusalCode(code)) return {}
  const { remedy, setting } = REFUSALS[code]
  const more = isUnverified(code) ? `${remedy} What is in quarantine is then accepted by itself.` : remedy
  return { more, command: setting && put(setting) }
}

function pathWords(withPathToken: boolean | null): string {
  return withPathToken === null ? '' : withPathToken ? ', with a path token' : ', without a path token'
}
