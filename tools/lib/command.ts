/** What the command lines of our programs share: how they fail, and how they read numbers and URLs. */
import { Command, InvalidArgumentError } from '@commander-js/extra-typings'

/** A wrong command line ends with status 2, because 1 means that the program found something wrong. */
export const command = (name: string, summary: string) =>
  new Command(`npm run ${name} --`)
    .description(summary)
    .helpOption('--help', 'print this')
    .configureOutput({ outputError: (message, write) => write(message.replace(/^error/, name)) })
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))

export function whole(from = 0, to = Number.MAX_SAFE_INTEGER) {
  const range = to === Number.MAX_SAFE_INTEGER ? `, ${from} or more` : ` from ${from} to ${to}`
  return (given: string) => {
    if (/^\d{1,15}$/.test(given) && Number(given) >= from && Number(given) <= to) return Number(given)
    throw new InvalidArgumentError(`It must be a whole number${range}.`)
  }
}

export function positive(given: string) {
  if (/^\d*\.?\d+$/.test(given) && Number(given) > 0) return Number(given)
  throw new InvalidArgumentError('It must be a number above 0.')
}

export function httpUrl(given: string) {
  if (/^https?:\/\//i.test(given) && URL.canParse(given)) return given
  throw new InvalidArgumentError('It must be an http or https URL.')
}
