/**
 * Makes short lines of what `wrangler dev` prints: one for each thing a Worker says; errors, warnings and stack traces
 * as they are; no request lines, banners and tables.
 */
import { stripVTControlCharacters } from 'node:util'
import { membersIn } from '../lib/members.ts'

/** Wrangler starts a line of a Worker's with its name; what a Worker says to `console.warn` or `.error` has this instead. */
const NAMED = /^\[([a-z0-9-]+)\] (.*)$/
const SEVERE = /^[▲✘] \[(WARNING|ERROR)\] (.*)$/

const NOISE = [
  /^\[wrangler:info\] /,
  /^⎔ /,
  /^ ?⛅️? wrangler /u,
  /^[─-]{3,}$/,
  /^Using (vars|secrets) defined in /,
  /^Binding +Resource +Mode$/,
  /^env\.\w+ .* local$/,
]

/** Their further lines are indented; a list of bindings has none of its own after an empty line. */
const NOISE_WITH_MORE = [/has access to the following bindings:$/, /Scheduled Workers are not automatically triggered/]

/** A reader for one stream. It is given line after line, and gives what to print, if anything. */
export function readable() {
  let inNoise = false
  return (raw: string): string | undefined => {
    const line = stripVTControlCharacters(raw).trimEnd()
    if (inNoise && (line === '' || line.startsWith('  '))) return undefined
    inNoise = NOISE_WITH_MORE.some((pattern) => pattern.test(line))
    if (inNoise || line === '' || NOISE.some((pattern) => pattern.test(line))) return undefined
    const [, severity, cry] = SEVERE.exec(line) ?? []
    if (cry !== undefined) return logged(cry) ?? `${severity === 'ERROR' ? 'error' : 'warning'}  ${cry}`
    const [, worker, said] = NAMED.exec(line) ?? []
    if (said === undefined || worker?.startsWith('wrangler')) return line
    return logged(said) ?? `${(worker ?? '').replace('zego-snapshots-', '')}  ${said}`
  }
}

/** The receiver logs one JSON object a line: its `event`, the task or the reason, then the rest as key=value. */
function logged(text: string) {
  // A request's id would be half the line, and says nothing where one person sends all requests.
  const { event, task_id, code, request_id: _requestId, ...rest } = membersIn(text)
  if (typeof event !== 'string') return undefined
  const about = [task_id, code].filter((value) => value !== undefined).map(shown)
  const more = Object.entries(rest).map(([key, value]) => `${key}=${shown(value)}`)
  return [event.padEnd(20), ...about, ...more].join(' ').trimEnd()
}

/** A word as it is; anything with a space or a structure as JSON. */
const shown = (value: unknown) => (typeof value === 'string' && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value))
