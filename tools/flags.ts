/** The command line of our tools: each flag says what it takes, and whoever gets it wrong is told. */
import { parseArgs } from 'node:util'

/** `read` gives undefined for what the flag does not take. A flag that takes nothing is either there or not. */
export type Flag<T> = { about: string; takes: string; standard: T; read: (text: string) => T | undefined }

type Values<F> = { [Name in keyof F]: F[Name] extends Flag<infer T> ? T : never }

export const text = <T extends string | undefined>(about: string, takes: string, standard: T): Flag<string | T> => ({
  about,
  takes,
  standard,
  read: (given) => given || undefined,
})

export const url = <T extends string | undefined>(about: string, standard: T): Flag<string | T> => ({
  about,
  takes: 'an http or https URL',
  standard,
  read: (given) => (URL.canParse(given) && /^https?:\/\//i.test(given) ? given : undefined),
})

export const whole = <T extends number | undefined>(
  about: string,
  standard: T,
  { from = 0, to = Number.MAX_SAFE_INTEGER } = {},
): Flag<number | T> => ({
  about,
  takes: to === Number.MAX_SAFE_INTEGER ? `a whole number, ${from} or more` : `a whole number from ${from} to ${to}`,
  standard,
  read: (given) => (/^\d{1,15}$/.test(given) && +given >= from && +given <= to ? +given : undefined),
})

export const positive = (about: string, standard: number): Flag<number> => ({
  about,
  takes: 'a number above 0',
  standard,
  read: (given) => (/^\d*\.?\d+$/.test(given) && +given > 0 ? +given : undefined),
})

export const oneOf = <const T extends string>(about: string, names: readonly T[], standard: T): Flag<T> => ({
  about,
  takes: names.join(' | '),
  standard,
  read: (given) => names.find((name) => name === given),
})

export const present = (about: string): Flag<boolean> => ({
  about,
  takes: '',
  standard: false,
  read: (given) => given === '' || undefined,
})

/** One line for whoever typed it. */
export class FlagError extends Error {}

export function readFlags<F extends Record<string, Flag<unknown>>>(flags: F, args: string[]): Values<F> {
  const values: Record<string, unknown> = {}
  for (const [name, flag] of Object.entries(flags)) values[name] = flag.standard
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { takes }]) => [name, { type: takes ? 'string' : 'boolean' } as const]),
  )
  const { tokens } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true })
  for (const token of tokens) {
    if (token.kind === 'positional') throw new FlagError(`"${token.value}" belongs to no flag; see --help`)
    if (token.kind !== 'option') continue
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined
    if (!flag) throw new FlagError(`there is no ${token.rawName}; there are ${names(flags).join(', ')}`)
    const value = flag.read(token.value ?? '')
    if (value === undefined) throw new FlagError(complaint(token.rawName, flag.takes, token.value))
    values[token.name] = value
  }
  // Each flag's own `read` made its value.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return values as Values<F>
}

const names = (flags: object) => Object.keys(flags).map((name) => `--${name}`)

function complaint(name: string, takes: string, given: string | undefined) {
  // What was given to --secret stays out of the terminal's scrollback.
  const shown = given && name !== '--secret' ? `, not "${given}"` : ''
  return `${name} takes ${takes || 'no value'}${shown}`
}

export function helpFor(summary: string, flags: Record<string, Flag<unknown>>) {
  const rows = Object.entries(flags).map(([name, { about, takes, standard }]) => {
    const usual = typeof standard === 'string' || typeof standard === 'number' ? ` (${standard})` : ''
    return `  ${`--${name}`.padEnd(16)}${about}${usual}${takes ? `\n${' '.repeat(18)}takes ${takes}` : ''}`
  })
  return [summary, '', ...rows].join('\n')
}

/** The flags, or the end of the program: 0 after --help, 2 when a flag is wrong. */
export function flagsOrExit<F extends Record<string, Flag<unknown>>>(tool: string, summary: string, flags: F) {
  const help = { help: present('prints this') }
  if (process.argv.includes('--help')) {
    console.log(helpFor(summary, { ...flags, ...help }))
    process.exit(0)
  }
  try {
    return readFlags({ ...flags, ...help }, process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    console.error(`${tool}: ${error.message}`)
    return process.exit(2)
  }
}
