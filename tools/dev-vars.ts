/** The secrets of the receiver on this machine: `.dev.vars`, which `wrangler dev` reads too. */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseEnv } from 'node:util'

/** Quoted: an unquoted value ends at `#`. */
const FIRST_DEV_VARS = `# Secrets of the local receiver. Not for production, not in git.
ZEGO_CALLBACK_SECRET='secret'
API_TOKEN='dev-token'
`

const errorCode = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined)

/** What the file says; nothing when there is no file. */
export function readDevVars(path = '.dev.vars'): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, 'utf8'))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return {}
    throw error
  }
}

/** True when it was written; a file that is there stays as it is. */
export function writeFirstDevVars(path = '.dev.vars') {
  try {
    writeFileSync(path, FIRST_DEV_VARS, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

/** The first value of a setting: a plain text, a JSON array, or (by appid) a JSON object of either. */
export function firstOf(setting: string | undefined, appid?: string): string | undefined {
  const trimmed = setting?.trim()
  if (!trimmed || !/^[[{]/.test(trimmed)) return trimmed || undefined
  try {
    return firstText(JSON.parse(trimmed), appid)
  } catch {
    return undefined
  }
}

function firstText(value: unknown, appid?: string): string | undefined {
  if (typeof value === 'string') return value.trim() || undefined
  if (Array.isArray(value)) return firstText(value[0])
  if (typeof value !== 'object' || value === null) return undefined
  const byApp = new Map<string, unknown>(Object.entries(value))
  return firstText(appid === undefined ? byApp.values().next().value : byApp.get(appid))
}

/** The first appid of a setting that holds one secret for each app. */
export function firstAppid(setting: string | undefined) {
  try {
    const value: unknown = JSON.parse(setting ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value)[0] : undefined
  } catch {
    return undefined
  }
}
