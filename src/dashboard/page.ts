/** What every page, and every part of one, knows of its request. */
import type { Context } from 'hono'
import { getContext } from 'hono/context-storage'
import { createMiddleware } from 'hono/factory'
import { type Env, readSettings, type Settings } from '../settings.ts'
import { type Health, judge } from '../store/health.ts'

export type PageEnv = {
  Bindings: Env
  Variables: {
    settings: Settings
    /** In milliseconds. */
    startedAt: number
    isSignedIn?: true
    health?: Promise<Health>
  }
}

export const readPageEnv = createMiddleware<PageEnv>(async (c, next) => {
  c.set('settings', readSettings(c.env))
  c.set('startedAt', Date.now())
  await next()
})

/** For components: hono/jsx-renderer has the same, and brings streams and a DOM, 8 KiB of a Worker. */
export const usePage = () => getContext<PageEnv>()

export const originOf = (url: string) => new URL(url).origin
export const isHttps = (url: string) => new URL(url).protocol === 'https:'

/** As what this Worker was deployed: `npm run deploy -- --name` gives another installation an address at workers.dev. */
export function workerName(): string {
  const { hostname } = new URL(usePage().req.url)
  return /^([^.]+)\.[^.]+\.workers\.dev$/.exec(hostname)?.[1] ?? USUAL_NAME
}

export const USUAL_NAME = 'zego-snapshots'

/** Asked once a request, when something shows it. It never fails. */
export function healthOf(c: Context<PageEnv>): Promise<Health> {
  const health = c.get('health') ?? judge(c.env.DB, c.get('settings'), c.get('startedAt'))
  c.set('health', health)
  return health
}

export async function formOf(c: Context): Promise<URLSearchParams> {
  return new URLSearchParams(new TextDecoder().decode(await c.req.arrayBuffer()))
}

/** A whole number of a query. */
export function numberOf(given: string | undefined): number | undefined {
  return given !== undefined && /^\d{1,16}$/.test(given) ? Math.min(Number(given), Number.MAX_SAFE_INTEGER) : undefined
}

/** A path with what of a query is given. */
export function pathOf(path: string, query: Record<string, string | undefined>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`
}
