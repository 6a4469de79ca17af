/** From what was typed and given to a case that can be examined. */
import { open, type Case } from './case.ts'
import type { CommandLine } from './command-line.ts'
import { gather, secretsFor, serverSecretsOf, type Sources } from './given.ts'
import { targetOf } from './target.ts'

/** `readDevVars` is asked only for the Worker of `npm start`. */
export type Surroundings = Omit<Sources, 'devVars'> & { readDevVars: () => Sources['devVars'] }

const SERVER_SECRET_QUESTION =
  'The secret does not fit. The ServerSecret, to see whether it stands in its place (not shown; Enter: leave it out): '

const PATH_TOKEN_QUESTION = 'The Worker wants a path token (not shown; Enter: leave it out): '

export async function prepare(
  { url, appid, publish }: CommandLine,
  { env, readDevVars, ask }: Surroundings,
): Promise<Case> {
  const { isLocal } = targetOf(url) // a slip in it is told before anything is asked
  const given = await gather({ env, devVars: isLocal ? readDevVars() : {}, ask })
  const askServerSecret = ask && (async () => secretsFor(serverSecretsOf(await ask(SERVER_SECRET_QUESTION)), app))
  const askPathToken = ask && (() => ask(PATH_TOKEN_QUESTION))
  const target = targetOf(url, given.pathToken)
  const patient = open({ target, given, appid, publish, askPathToken, askServerSecret })
  const app = patient.appid
  return patient
}
