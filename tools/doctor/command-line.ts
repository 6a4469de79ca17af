/** The command line: one URL and two flags. A secret has no place there. */
import { parseArgs } from 'node:util'
import { FlagError, helpFor, present, readFlags, text } from '../flags.ts'

const FLAGS = {
  appid: text('the app, where ZEGO_CALLBACK_SECRET is a JSON object by appid', 'an appid', undefined),
  publish: present('sends a real snapshot as well; CONSUMERS OF THE QUEUE WILL SEE ITS EVENT'),
}

export type CommandLine = { url: string; appid: string | undefined; publish: boolean }

export const HELP = helpFor(
  `npm run doctor -- URL [flags]   Says why callbacks do not arrive or do not verify.

  URL is the Worker's, or the callback URL that ZEGOCLOUD was given. Its test callbacks are of the event
  zego_snapshots_test: no consumer sees them, and they are deleted afterwards. It takes from the environment, or asks for:

  ZEGO_CALLBACK_SECRET  the CallbackSecret of the ZEGOCLOUD console (Project Configuration)
  API_TOKEN             to read back and to delete what was sent; may be left out
  CALLBACK_PATH_TOKEN   where the Worker wants it, and the URL does not end with it
  ZEGO_SERVER_SECRET    only to tell whether the Worker has it in the CallbackSecret's place

  For the Worker of \`npm start\` it takes them from .dev.vars. It ends with 0 when all is well, with 1 when something is
  wrong, with 2 when it was called wrongly.`,
  { ...FLAGS, help: present('prints this') },
)

const SECRET_NAMES = /secret|token|password|key/i

/** What was typed is not repeated: it may be a secret. */
export function readCommandLine(args: string[]): CommandLine {
  const options = { appid: { type: 'string' }, publish: { type: 'boolean' } } as const
  const { tokens } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true })
  const places: number[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') places.push(token.index)
    if (isSecret(token)) throw new FlagError(NO_SECRETS)
  }
  const [place, ...others] = places
  if (place === undefined) throw new FlagError('which URL? For example: npm run doctor -- https://<your host>')
  if (others.length > 0) throw new FlagError('there is more than one URL; see --help. A secret does not belong there')
  const flags = readFlags(
    FLAGS,
    args.filter((_, index) => index !== place),
  )
  return { url: args[place] ?? '', ...flags }
}

const NO_SECRETS =
  "a secret does not belong on the command line, where the shell's history and other users see it: set ZEGO_CALLBACK_SECRET, API_TOKEN, CALLBACK_PATH_TOKEN or ZEGO_SERVER_SECRET in the environment, or leave them out and be asked"

function isSecret(token: { kind: string; name?: string; value?: string | undefined }): boolean {
  if (token.kind === 'option') return SECRET_NAMES.test(token.name ?? '')
  return token.kind === 'positional' && /^[A-Z_]*(?:SECRET|TOKEN)=/.test(token.value ?? '')
}
