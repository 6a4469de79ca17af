/** The secrets of the receiver on this machine: `.dev.vars`, which `wrangler dev` reads too. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import type { Secrets } from '../src/callback/signature.ts'
import { type Env, isFault, readSettings } from '../src/settings.ts'

/** Quoted, because an unquoted value ends at `#`. */
const FIRST_DEV_VARS = `# Secrets of the local receiver. Not for production, not in git.
ZEGO_CALLBACK_SECRET='secret'
API_TOKEN='dev-token'
`

/** What the file says; nothing when there is no file. */
export const readDevVars = (path = '.dev.vars'): Record<string, string | undefined> =>
  existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {}

/** True when it was written; a file that is there stays as it is. */
export function writeFirstDevVars(path = '.dev.vars') {
  if (existsSync(path)) return false
  writeFileSync(path, FIRST_DEV_VARS, { flag: 'wx', mode: 0o600 })
  return true
}

/** Any setting that holds a text, a JSON array, or a JSON object by appid, read as the Worker reads its secrets. */
export function secretsIn(setting: string | undefined): Secrets {
  const { secrets } = readSettings({ ZEGO_CALLBACK_SECRET: setting } as Env)
  return isFault(secrets) ? { everyApp: [], byApp: new Map() } : secrets
}

/** Those that may sign for an app, the first one first. */
export const secretsFor = ({ everyApp, byApp }: Secrets, appid: string): readonly string[] => [
  ...everyApp,
  ...(byApp.get(appid) ?? []),
]

export const firstOf = (setting: string | undefined, appid = ''): string | undefined =>
  secretsFor(secretsIn(setting), appid)[0]

/** The first appid of a setting that holds one secret for each app. */
export const firstAppid = (setting: string | undefined): string | undefined => [...secretsIn(setting).byApp.keys()][0]
