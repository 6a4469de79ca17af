/** What the user gives: the URL on the command line, and secrets in the environment, in a file, or typed. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { Secrets } from '../../src/callback/signature.ts'
import { command } from '../lib/command.ts'
import { type Env, isFault, readSettings, type SettingFault } from '../../src/settings.ts'

/** One line for the user. It never holds a value, because the value may be a secret. */
export class GivenError extends Error {}

export type CommandLine = { url: string; appid?: string | undefined }

/** Short lines: commander wraps longer ones in a terminal of 80 columns. */
const SUMMARY = `Says why callbacks do not arrive or do not verify.

The URL is the Worker's, or the callback URL that ZEGOCLOUD has. The test
callbacks are of the event zego_snapshots_test: no consumer sees them, and they
are deleted afterwards. Secrets come from the environment, or you are asked:

  ZEGO_CALLBACK_SECRET  from ZEGOCLOUD's console (Project Configuration)
  API_TOKEN             optional: to read back and delete what was sent
  CALLBACK_PATH_TOKEN   if the Worker requires it and the URL has none
  ZEGO_SERVER_SECRET    optional: to recognize it in place of the CallbackSecret

For the Worker of \`npm start\` they come from .dev.vars or .env. The exit status
is 0 when all is well, 1 when something is wrong, 2 when the command line is
wrong.`

const NO_SECRETS =
  "a secret does not belong on the command line, where the shell's history and other users see it: set ZEGO_CALLBACK_SECRET, API_TOKEN, CALLBACK_PATH_TOKEN or ZEGO_SERVER_SECRET in the environment, or leave them out and be asked"

/** In place of commander's own words, which repeat what was typed: it may be a secret. */
const COMPLAINTS: Record<string, string> = {
  'commander.missingArgument': 'which URL? For example: npm run doctor -- https://<your host>',
  'commander.excessArguments': 'there is more than one URL; see --help. Do not type a secret there',
  'commander.unknownOption': 'there is no such option; see --help',
}

export function readCommandLine(args: string[]): CommandLine {
  if (args.some(isSecret)) throw new GivenError(NO_SECRETS)
  const program = command('doctor', SUMMARY)
    .argument('<url>')
    .option('--appid <appid>', 'the app, if ZEGO_CALLBACK_SECRET is a JSON object by appid')
    .configureOutput({ outputError: () => undefined })
    .exitOverride(({ exitCode, code, message }) => {
      if (exitCode === 0) process.exit()
      throw new GivenError(COMPLAINTS[code] ?? message)
    })
    .parse(args, { from: 'user' })
  return { url: program.processedArgs[0], ...program.opts() }
}

const isSecret = (arg: string) =>
  /^--?[\w-]*(?:secret|token|password|key)/i.test(arg) || /^[A-Z_]*(?:SECRET|TOKEN)=/.test(arg)

const PATH = '/zego/callback'

export type Target = ReturnType<typeof targetOf>

/** @param pathToken is added to a URL that has none */
export function targetOf(given: string, pathToken?: string) {
  const url = urlOf(given)
  const token = tokenIn(url) ?? (pathToken === undefined ? undefined : encodeURIComponent(pathToken))
  return {
    callbackUrl: `${url.origin}${PATH}${token === undefined ? '' : `/${token}`}${url.search}`,
    origin: url.origin,
    host: url.host,
    pathToken: token === undefined ? undefined : decoded(token),
    /** The Worker of `npm start`. */
    isLocal: ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname),
    /** As it may be printed: without its token and query. */
    shown: `${url.origin}${PATH}${token === undefined ? '' : '/…'}`,
  }
}

function urlOf(given: string): URL {
  if (!/^https?:\/\//i.test(given) || !URL.canParse(given)) {
    throw new GivenError('the URL must begin with https:// (or http:// on this machine)')
  }
  const url = new URL(given)
  if (url.username || url.password) throw new GivenError('the URL must not contain a user name or a password')
  return url
}

function tokenIn({ pathname }: URL): string | undefined {
  if (pathname === '/') return undefined
  if (pathname === PATH || pathname.startsWith(`${PATH}/`)) {
    return pathname.slice(PATH.length + 1).replace(/\/$/, '') || undefined
  }
  throw new GivenError(
    `callbacks are accepted at ${PATH} and below it, and this URL has another path. If ZEGOCLOUD has this URL, give it the right one`,
  )
}

function decoded(token: string): string {
  try {
    return decodeURIComponent(token)
  } catch {
    return token
  }
}

const NAMES = ['ZEGO_CALLBACK_SECRET', 'API_TOKEN', 'CALLBACK_PATH_TOKEN', 'ZEGO_SERVER_SECRET'] as const
type Name = (typeof NAMES)[number]
type Values = Readonly<Record<string, string | undefined>>

export type Ask = (question: string) => Promise<string>

export type Sources = {
  env: Values
  /** Of the Worker of `npm start`, and of no other. */
  local: { file: string; vars: Values } | undefined
  /** `undefined` where nobody can be asked. */
  ask: Ask | undefined
}

export type Given = Awaited<ReturnType<typeof gather>>

/** The other two matter only to some Workers, and are asked for when they do. */
const QUESTIONS: Partial<Record<Name, string>> = {
  ZEGO_CALLBACK_SECRET: 'CallbackSecret (not shown): ',
  API_TOKEN: 'API token (not shown; Enter: skip): ',
}

/** Read as the Worker reads them: a text, a JSON array, or a JSON object by appid. */
export async function gather(sources: Sources) {
  const values: Partial<Record<Name, string>> = {}
  const origins: string[] = [] // for people
  for (const name of NAMES) {
    const [value, origin] = await find(name, sources)
    if (!value?.trim()) continue
    values[name] = value
    origins.push(`${name} ${origin}`)
  }
  const { secrets, apiTokens, pathTokens } = readSettings(values as Env)
  const advice =
    values.ZEGO_CALLBACK_SECRET === undefined ? '; set it in the environment, or run this in a terminal' : ''
  return {
    secrets: readable(secrets, advice),
    serverSecrets: serverSecretsOf(values.ZEGO_SERVER_SECRET),
    apiToken: values.API_TOKEN === undefined ? undefined : readable(apiTokens)[0],
    pathToken: readable(pathTokens)[0],
    origins,
  }
}

async function find(name: Name, { env, local, ask }: Sources): Promise<[string | undefined, origin: string]> {
  if (env[name]?.trim()) return [env[name], 'from the environment']
  if (local?.vars[name]?.trim()) return [local.vars[name], `from ${local.file}`]
  const question = QUESTIONS[name]
  return [question && (await ask?.(question)), 'as typed']
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

/** The question is shown, and nothing of what is typed. Ctrl-C rejects with an `AbortError`. */
export async function askHidden(question: string, input: NodeJS.ReadableStream, output: NodeJS.WritableStream) {
  output.write(question)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const prompt = createInterface({ input, output: nowhere, terminal: true })
  try {
    return await prompt.question('')
  } finally {
    prompt.close()
    output.write('\n')
  }
}
