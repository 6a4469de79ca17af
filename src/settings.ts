/** What the runtime gives (`Env`) becomes what the code relies on (`Settings`), or what is wrong with it. */
import { isObject } from './callback/json.ts'
import type { Secrets } from './callback/signature.ts'
import type { SnapshotEvent } from './event.ts'

/** The bindings of wrangler.toml, and the settings as they come: strings, numbers, or nothing. */
export type Env = {
  DB: D1Database
  RESULTS: KVNamespace
  ASIDE: KVNamespace
  EVENTS: Queue<SnapshotEvent>
  INTAKE: Queue
  ZEGO_CALLBACK_SECRET?: unknown
  API_TOKEN?: unknown
  CALLBACK_PATH_TOKEN?: unknown
  SIGNATURE_TOLERANCE_SECONDS?: unknown
  RETENTION_DAYS?: unknown
  PLAN?: unknown
  READ_TOKEN?: unknown
  ALERT_URL?: unknown
  VERSION?: WorkerVersionMetadata
  ZEGO_SERVER_SECRET?: unknown
  ZEGO_API_URL?: unknown
}

/** A setting that is missing or cannot be used. Never holds its value. */
export type SettingFault = { setting: string; why: string; isMissing?: true }

export type Settings = {
  secrets: Secrets | SettingFault
  apiTokens: readonly string[] | SettingFault
  /** Empty: nobody may only read. */
  readTokens: readonly string[] | SettingFault
  /** Empty: no token is asked for. */
  pathTokens: readonly string[] | SettingFault
  /** 0: a timestamp's age is not checked. */
  toleranceSeconds: number | SettingFault
  /** 0: results are kept. */
  retentionDays: number | SettingFault
  /** ServerSecrets by appid. */
  serverSecrets: ReadonlyMap<string, string> | SettingFault
  apiUrl: string | SettingFault
  /** `undefined`: nobody is told. */
  alertUrl: string | undefined | SettingFault
  plan: keyof typeof LIMITS | SettingFault
}

/** How much one invocation does, so that it keeps within what Cloudflare's plan allows. */
const LIMITS = {
  /** 50 subrequests and 50 D1 queries an invocation, 1,000 deletes in KV a day. */
  free: { publications: 10, republishPaceMs: 250, buffered: 5, removals: 20, looks: 4 },
  /** 10,000 and 1,000, of which each publication takes two and one. */
  paid: { publications: 300, republishPaceMs: 20, buffered: 100, removals: 100, looks: 50 },
} as const

/** A plan that cannot be read is the free one: it works everywhere. */
export function limitsOf({ plan }: Settings): (typeof LIMITS)['free' | 'paid'] {
  return LIMITS[isFault(plan) ? 'free' : plan]
}

/** When the version of the Worker that runs was made, in milliseconds. A deploy or a changed secret makes a newer one. */
export function versionOf({ VERSION }: Env): number {
  return Date.parse(VERSION?.timestamp ?? '') || NO_METADATA
}

/** Later than 0, which the quarantine has for what a version without such times refused. */
const NO_METADATA = 1

const DEFAULT_TOLERANCE_SECONDS = 600
const MOST_SECONDS = 1e12 // beyond any timestamp
const MOST_DAYS = 36_500
const DEFAULT_API_URL = 'https://rtc-api.zego.im/'

export function readSettings(env: Env): Settings {
  return {
    secrets: read('ZEGO_CALLBACK_SECRET', env, (value) => secretsOf(required(value))),
    apiTokens: read('API_TOKEN', env, (value) => listOf(required(value))),
    readTokens: read('READ_TOKEN', env, (value) => (value === undefined ? [] : listOf(value))),
    pathTokens: read('CALLBACK_PATH_TOKEN', env, (value) => (value === undefined ? [] : pathTokensOf(value))),
    toleranceSeconds: read('SIGNATURE_TOLERANCE_SECONDS', env, (value) =>
      value === undefined ? DEFAULT_TOLERANCE_SECONDS : wholeNumberOf(value, MOST_SECONDS),
    ),
    retentionDays: read('RETENTION_DAYS', env, (value) => (value === undefined ? 0 : wholeNumberOf(value, MOST_DAYS))),
    serverSecrets: read('ZEGO_SERVER_SECRET', env, (value) => serverSecretsOf(required(value))),
    apiUrl: read('ZEGO_API_URL', env, (value) => (value === undefined ? DEFAULT_API_URL : urlOf(value))),
    alertUrl: read('ALERT_URL', env, (value) => (value === undefined ? undefined : urlOf(value))),
    plan: read('PLAN', env, (value) => (value === undefined ? 'free' : planOf(value))),
  }
}

export function isFault(setting: unknown): setting is SettingFault {
  return typeof setting === 'object' && setting !== null && 'setting' in setting
}

/** Without them less is done, and that is a choice: results can be read from KV alone, and ZEGOCLOUD is not asked. */
const OPTIONAL = new Set(['API_TOKEN', 'ZEGO_SERVER_SECRET'])

/** What somebody should look at. */
export function faultsOf(settings: Settings): SettingFault[] {
  return Object.values(settings)
    .filter(isFault)
    .filter(({ setting, isMissing }) => !OPTIONAL.has(setting) || !isMissing)
}

export const MS_A_DAY = 86_400_000

/** A setting that cannot be read removes nothing. */
export function retentionDaysOf({ retentionDays }: Settings): number {
  return isFault(retentionDays) ? 0 : retentionDays
}

const MISSING = 'it is not set'

class Unreadable extends Error {}

function read<Value>(setting: keyof Env, env: Env, parse: (value: unknown) => Value): Value | SettingFault {
  try {
    return parse(parsedSetting(env[setting]))
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    return { setting, why: error.message, ...(error.message === MISSING && { isMissing: true }) }
  }
}

/** A string trimmed, and the JSON in it if it begins like some; a number as a string. */
function parsedSetting(given: unknown): unknown {
  if (given === undefined || given === null) return undefined
  if (typeof given === 'number') return String(given)
  if (typeof given !== 'string') return given // [vars] of wrangler.toml can be lists and tables
  const text = given.trim()
  if (!/^[[{]/.test(text)) return text
  try {
    return JSON.parse(text)
  } catch {
    throw new Unreadable('it begins like JSON but is not valid JSON')
  }
}

function required(value: unknown): unknown {
  if (value === undefined) throw new Unreadable(MISSING)
  return value
}

/** One secret, or a list of which any may match. */
function listOf(value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw new Unreadable('its list is empty')
  return list.map(secretOf)
}

function secretOf(value: unknown): string {
  if (typeof value !== 'string') throw new Unreadable('an entry in it is not a string')
  const text = value.trim()
  if (text === '') throw new Unreadable('it is empty or has an empty entry')
  if (/^(?:null|undefined)$/.test(text)) {
    throw new Unreadable(`it is the text ${text}, which a script writes for a missing value`)
  }
  return text
}

/** They stand in a URL's path as one part of it. */
function pathTokensOf(value: unknown): string[] {
  const tokens = listOf(value)
  if (tokens.some((token) => /[/\\]|^(?:\.|%2e){1,2}$/i.test(token))) {
    throw new Unreadable('a path token must not contain / or \\, or be . or ..')
  }
  return tokens
}

function planOf(value: unknown): 'free' | 'paid' {
  if (value === 'free' || value === 'paid') return value
  throw new Unreadable('it must be free or paid')
}

function secretsOf(value: unknown): Secrets {
  if (!isObject(value)) return { everyApp: listOf(value), byApp: new Map() }
  return { everyApp: [], byApp: byAppOf(value, listOf) }
}

/** One ServerSecret for each app: it signs our own calls, so there is nothing to choose from. */
function serverSecretsOf(value: unknown): ReadonlyMap<string, string> {
  if (!isObject(value)) throw new Unreadable('it is not a JSON object from appid to ServerSecret')
  return byAppOf(value, secretOf)
}

function byAppOf<Value>(apps: Record<string, unknown>, parse: (value: unknown) => Value): ReadonlyMap<string, Value> {
  const entries = Object.entries(apps)
  if (entries.length === 0) throw new Unreadable('it has no app')
  if (entries.some(([appid]) => appid.trim() === '')) throw new Unreadable('it has an empty appid')
  return new Map(entries.map(([appid, value]) => [appid.trim(), parse(value)]))
}

function urlOf(value: unknown): string {
  if (typeof value !== 'string' || !/^https?:/i.test(value) || !URL.canParse(value)) {
    throw new Unreadable('it is not an http or https URL')
  }
  return value
}

function wholeNumberOf(value: unknown, most: number): number {
  // Number('') is 0, which would switch a check off.
  if (typeof value !== 'string' || !/^\d+$/.test(value)) throw new Unreadable('it is not a whole number')
  if (Number(value) > most) throw new Unreadable(`it is greater than ${most}`)
  return Number(value)
}
