/** The secrets of the receiver on this machine, from the files that `wrangler dev` reads too. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import type { Secrets } from '../../src/callback/signature.ts'
import { type Env, faultsOf, isFault, readSettings } from '../../src/settings.ts'

/** Quoted, because an unquoted value ends at `#`. */
const FIRST_DEV_VARS = `# Secrets of the local receiver. Not for production, not in git.
ZEGO_CALLBACK_SECRET='secret'
API_TOKEN='dev-token'
`

const SETTINGS = /^(?:ZEGO_\w+|API_TOKEN|READ_TOKEN|CALLBACK_PATH_TOKEN|ALERT_URL)$/

const read = (path: string): Partial<Record<string, string>> =>
  existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {}

/** Wrangler reads `.env` only where there is no `.dev.vars`. */
export function readLocalSecrets(directory = '.') {
  const devVars = join(directory, '.dev.vars')
  const dotEnv = read(join(directory, '.env'))
  const isInDotEnv = !existsSync(devVars) && Object.keys(dotEnv).some((name) => SETTINGS.test(name))
  return isInDotEnv ? { file: '.env', vars: dotEnv } : { file: '.dev.vars', vars: read(devVars) }
}

/** Writes a first `.dev.vars` where no file has secrets. Gives what the developer should know, a line each. */
export function prepareLocalSecrets(directory = '.'): string[] {
  const { file, vars } = readLocalSecrets(directory)
  if (!existsSync(join(directory, file))) {
    writeFileSync(join(directory, file), FIRST_DEV_VARS, { flag: 'wx', mode: 0o600 })
    return ["Wrote .dev.vars: the CallbackSecret here is 'secret', the API token 'dev-token'."]
  }
  const faults = faultsOf(readSettings(Object.assign({} as Env, vars)))
  return [`The secrets are those of ${file}.`, ...faults.map(({ setting, why }) => complaint(setting, why, file))]
}

function complaint(setting: string, why: string, file: string): string {
  const effect = setting === 'ZEGO_CALLBACK_SECRET' ? ' Until then every callback is answered 503.' : ''
  return `WARNING: ${setting} cannot be used: ${why}. Put a line ${setting}='…' into ${file}, and start again.${effect}`
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

/** ZEGOCLOUD for the receiver on this machine: an app of it, what signs for that app, and the path that is called. */
export function callerOf({ ZEGO_CALLBACK_SECRET, CALLBACK_PATH_TOKEN }: Partial<Record<string, string>>) {
  const secrets = secretsIn(ZEGO_CALLBACK_SECRET)
  const [appid = '12345'] = secrets.byApp.keys()
  const [token] = secretsIn(CALLBACK_PATH_TOKEN).everyApp
  const path = `/zego/callback${token === undefined ? '' : `/${encodeURIComponent(token)}`}`
  return { appid, secret: secretsFor(secrets, appid)[0], path }
}
