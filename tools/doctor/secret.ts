/** The Worker knows another secret than the one that was given. Which? Likely ones are tried, and the Worker says. */
import { keptAs, send, stampFor, type Case } from './case.ts'
import { put, wrong, type Finding, type Mending } from './finding.ts'
import { isSilence, wordOf } from './reply.ts'

export type Candidate = { secret: string; evidence: string } & Mending

type Known = {
  secret: string
  otherSecrets: readonly string[]
  serverSecrets: readonly string[]
  apiToken: string | undefined
  pathToken: string | undefined
}

const PUT = put('ZEGO_CALLBACK_SECRET')
const CONSOLE = "the CallbackSecret of ZEGOCLOUD's console (Project Configuration)"

/** In the order of how likely they are. */
export function candidates({ secret, otherSecrets, serverSecrets, apiToken, pathToken }: Known): Candidate[] {
  const all: Candidate[] = [
    ...serverSecrets.map((candidate) => ({
      secret: candidate,
      evidence: 'The Worker has the ServerSecret where the CallbackSecret belongs.',
      remedy: `Put ${CONSOLE} in its place:`,
      command: PUT,
    })),
    ...otherSecrets.map((candidate, index) => ({
      secret: candidate,
      evidence: `The Worker does not have the first of the secrets that were given, but number ${index + 2}.`,
      remedy: 'Put all of them, as a JSON array, before ZEGOCLOUD signs with the first:',
      command: PUT,
    })),
    ...surrounded(secret).map(([candidate, what]) => ({
      secret: candidate,
      evidence: `The Worker has this secret with ${what} around it.`,
      remedy: 'Put it alone:',
      command: PUT,
    })),
    ...bared(secret).map(([candidate, what]) => ({
      secret: candidate,
      evidence: `What was given here has ${what}; the Worker has it without.`,
      remedy: `If that is ${CONSOLE}, the Worker is right. Give it here without, and run this again.`,
    })),
    ...mistaken([apiToken, 'API_TOKEN'], [pathToken, 'CALLBACK_PATH_TOKEN']),
    {
      secret: 'secret',
      evidence: 'The Worker has the CallbackSecret that `npm start` makes up.',
      remedy: `Put ${CONSOLE} in its place:`,
      command: PUT,
    },
  ]
  const seen = new Set([secret])
  return all.filter(({ secret: candidate }) => !seen.has(candidate) && seen.add(candidate))
}

/** What a shell, an editor or a copy from somewhere adds. */
const surrounded = (secret: string): [string, string][] => [
  [`"${secret}"`, 'double quotes'],
  [`'${secret}'`, 'single quotes'],
  [`${secret}\n`, 'a line break'],
  [`${secret}\r\n`, 'a line break of Windows'],
  [`${secret}\\n`, 'the two characters \\n'],
  [` ${secret}`, 'a space'],
  [`${secret} `, 'a space'],
]

/** The same, on this side. */
const bared = (secret: string): [string, string][] => [
  [secret.replace(/^(["'`])(.*)\1$/s, '$2').trim(), 'quotes around it'],
  [secret.replace(/\\[nrt]/g, ''), 'the two characters \\n in it'],
  [secret.replace(/[\s\u200B-\u200D\u2060\uFEFF]/g, ''), 'white space in it, perhaps invisible'],
]

const mistaken = (...values: [string | undefined, string][]): Candidate[] =>
  values.flatMap(([secret, name]) =>
    secret === undefined
      ? []
      : {
          secret,
          evidence: `The Worker has the value of ${name} as its CallbackSecret.`,
          remedy: 'Put each anew:',
          command: PUT,
        },
  )

export async function whyNoSecretFits(patient: Case): Promise<Finding> {
  const serverSecrets = await patient.serverSecrets()
  if (serverSecrets.includes(patient.secret)) {
    return wrong('401 bad_signature: what was given here as CallbackSecret is the ServerSecret.', {
      remedy: `Run this again with ${CONSOLE}.`,
    })
  }
  const { secret, otherSecrets, given, target } = patient
  const tried = candidates({
    secret,
    otherSecrets,
    serverSecrets,
    apiToken: given.apiToken,
    pathToken: target.pathToken,
  })
  for (const { secret: candidate, evidence, ...mending } of tried) {
    if (await isKnown(patient, candidate)) return wrong(evidence, mending)
  }
  return unexplained(tried.length, serverSecrets.length > 0)
}

/** A secret of another app is the Worker's, too. */
async function isKnown(patient: Case, secret: string): Promise<boolean> {
  const reply = await send(patient, { ...patient.callback, ...stampFor(patient, secret) })
  return keptAs(reply) !== undefined || (!isSilence(reply) && ['unknown_app', 'accepted'].includes(wordOf(reply) ?? ''))
}

function unexplained(tried: number, withServerSecret: boolean): Finding {
  const known = withServerSecret ? 'nor the ServerSecret' : 'nor in quotes, nor with white space around it'
  return wrong(
    `401 bad_signature: the Worker knows neither the secret that was given, ${known}; ${tried} were tried.`,
    {
      remedy: withServerSecret
        ? `Copy ${CONSOLE} anew, and put it:`
        : `The usual reason is the ServerSecret in its place: with ZEGO_SERVER_SECRET in the environment this tells. Else copy ${CONSOLE} anew, and put it:`,
      command: PUT,
    },
  )
}
