/** What the user gives: the URL on the command line, and secrets in the environment, in a file, or typed. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { type Env, isFault, readSettings, type SettingFault } from '../../src/settings.ts'
import { command } from '../lib/command.ts'
import { secretsIn } from '../lib/dev-vars.ts'

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

/** In place of commander's own words, which repeat what was typed: it may be a secret. */
const MISUSE =
  "type the URL, and --appid at most: npm run doctor -- https://<your host>. A secret does not belong there, where the shell's history and other users see it: set it in the environment, or leave it out and be asked. See --help"

export function readCommandLine(args: string[]): CommandLine {
  const program = command('doctor', SUMMARY)
    .argument('<url>')
    .option('--appid <appid>', 'the app, if ZEGO_CALLBACK_SECRET is a JSON object by appid')
    .configureOutput({ outputError: () => undefined })
    .exitOverride(({ exitCode }) => {
      if (exitCode === 0) process.exit()
      throw new GivenError(MISUSE)
    })
    .parse(args, { from: 'user' })
  return { url: program.processedArgs[0], ...program.opts() }
}

/** @param pathToken is added to a URL that has none */
export function targetOf(typed: string, pathToken?: string) {
  if (!/^https?:\/\//i.test(typed) || !URL.canParse(typed))
    throw new GivenError('the URL must begin with https:// (or http:// on this machine)')
  const url = new URL(typed)
  if (url.username || url.password) throw new GivenError('the URL must not contain a user name or a password')
  const path = /^\/(?:zego\/callback(?:\/(.*?)\/?)?)?$/.exec(url.pathname)
  if (!path)
    throw new GivenError(
      'callbacks are accepted at /zego/callback and below it, and this URL has another path. If ZEGOCLOUD has this URL, give it the right one',
    )
  const token = path[1] || (pathToken === undefined ? undefined : encodeURIComponent(pathToken))
  return {
    callbackUrl: `${url.origin}/zego/callback${token === undefined ? '' : `/${token}`}${url.search}`,
    origin: url.origin,
    host: url.host,
    pathToken: token,
    /** The Worker of `npm start`. */
    isLocal: ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname),
    /** As it may be printed: without its token and query. */
    shown: `${url.origin}/zego/callback${token === undefined ? '' : '/…'}`,
  }
}

/** What is asked for where it is given neither in the environment nor in a file. */
const QUESTIONS = {
  ZEGO_CALLBACK_SECRET: 'CallbackSecret (not shown): ',
  API_TOKEN: 'API token (not shown; Enter: skip): ',
  CALLBACK_PATH_TOKEN: 'Path token, if the Worker requires one (not shown; Enter: skip): ',
  ZEGO_SERVER_SECRET: 'ServerSecret, to see whether the Worker has it instead (not shown; Enter: skip): ',
}
type Values = Partial<Record<string, string>>

export type Sources = {
  env: Values
  /** Of the Worker of `npm start`, and of no other. */
  local: Values
  /** `undefined` where nobody can be asked. */
  ask: ((question: string) => Promise<string>) | undefined
}

/** Read as the Worker reads them: a text, a JSON array, or a JSON object by appid. */
export async function gather({ env, local, ask }: Sources) {
  const values: Values = {}
  for (const [name, question] of Object.entries(QUESTIONS)) {
    const value = env[name]?.trim() || local[name]?.trim() || (await ask?.(question))?.trim()
    if (value) values[name] = value
  }
  const { secrets, apiTokens, pathTokens } = readSettings(Object.assign({} as Env, values))
  return {
    secrets: readable(secrets),
    /** The Worker wants them by appid; here any form will do. */
    serverSecrets: secretsIn(values['ZEGO_SERVER_SECRET']),
    apiToken: 'API_TOKEN' in values ? readable(apiTokens)[0] : undefined,
    pathToken: readable(pathTokens)[0],
  }
}

function readable<Value>(setting: Value | SettingFault): Value {
  if (!isFault(setting)) return setting
  throw new GivenError(`${setting.setting} cannot be used: ${setting.why}`)
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
