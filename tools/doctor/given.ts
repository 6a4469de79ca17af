/** The secrets that the user gives: from the environment, from `npm start`'s .dev.vars, or typed. */
import type { Secrets } from '../../src/callback/signature.ts'
import { type Env, isFault, readSettings, type SettingFault } from '../../src/settings.ts'

const NAMES = ['ZEGO_CALLBACK_SECRET', 'API_TOKEN', 'CALLBACK_PATH_TOKEN', 'ZEGO_SERVER_SECRET'] as const
type Name = (typeof NAMES)[number]

type Values = Readonly<Record<string, string | undefined>>

/** One line for whoever gave them. Never holds a value. */
export class GivenError extends Error {}

export type Given = {
  secrets: Secrets
  serverSecrets: Secrets
  apiToken: string | undefined
  pathToken: string | undefined
  /** Where each came from, for people. */
  origins: string[]
}

const HOW_TO_GIVE = '; set it in the environment, or run this in a terminal and be asked'

const QUESTIONS: Partial<Record<Name, string>> = {
  ZEGO_CALLBACK_SECRET: 'CallbackSecret (not shown): ',
  API_TOKEN: 'API token (not shown; Enter: leave it out): ',
}

export type Sources = {
  env: Values
  /** Of the Worker of `npm start`; empty for any other. */
  devVars: Values
  /** `undefined` where nobody can be asked. */
  ask: ((question: string) => Promise<string>) | undefined
}

/** Read as the Worker reads them: a text, a JSON array, or a JSON object by appid. */
export async function gather({ env, devVars, ask }: Sources): Promise<Given> {
  const values: Partial<Record<Name, string>> = {}
  const origins: string[] = []
  for (const name of NAMES) {
    const [value, origin] = await find(name)
    if (value === undefined) continue
    values[name] = value
    origins.push(`${name} ${origin}`)
  }
  const { secrets, apiTokens, pathTokens } = readSettings(values as Env)
  return {
    secrets: readable(secrets, values.ZEGO_CALLBACK_SECRET === undefined ? HOW_TO_GIVE : ''),
    serverSecrets: serverSecretsOf(values.ZEGO_SERVER_SECRET),
    apiToken: values.API_TOKEN === undefined ? undefined : readable(apiTokens)[0],
    pathToken: readable(pathTokens)[0],
    origins,
  }

  async function find(name: Name): Promise<[string | undefined, string]> {
    if (env[name]?.trim()) return [env[name], 'from the environment']
    if (devVars[name]?.trim()) return [devVars[name], 'from .dev.vars']
    const question = QUESTIONS[name]
    const typed = question === undefined ? undefined : await ask?.(question)
    return [typed?.trim() ? typed : undefined, 'as typed']
  }
}

/** The Worker wants them by appid; here any form will do. */
export function serverSecretsOf(value: string | undefined): Secrets {
  if (!value?.trim()) return { everyApp: [], byApp: new Map() }
  const { secrets } = readSettings({ ZEGO_CALLBACK_SECRET: value } as Env)
  return readable(isFault(secrets) ? { ...secrets, setting: 'ZEGO_SERVER_SECRET' } : secrets)
}

function readable<Value>(setting: Value | SettingFault, advice = ''): Value {
  if (!isFault(setting)) return setting
  throw new GivenError(`${setting.setting} cannot be used: ${setting.why}${advice}`)
}

/** The app that is played: the one that was named, else the first that has a secret of its own. */
export function appidOf({ secrets, serverSecrets }: Given, named: string | undefined): string {
  return named ?? [...secrets.byApp.keys(), ...serverSecrets.byApp.keys()][0] ?? '12345'
}

/** Those that may sign for an app, the first one first. */
export function secretsFor({ everyApp, byApp }: Secrets, appid: string): readonly string[] {
  return [...everyApp, ...(byApp.get(appid) ?? [])]
}
