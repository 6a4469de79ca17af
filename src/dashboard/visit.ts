/** What every page, and every part of one, knows of its request. */
import { getContext } from 'hono/context-storage'
import { createMiddleware } from 'hono/factory'
import { type Env, readSettings, type Settings } from '../settings.ts'
import { type Badge, badgeOf, judge } from '../store/health.ts'

export type Visit = {
  Bindings: Env
  Variables: {
    settings: Settings
    /** In milliseconds. */
    now: number
    /** Of a visitor who is signed in. */
    badge?: Promise<Badge>
  }
}

export const visit = createMiddleware<Visit>(async (c, next) => {
  c.set('settings', readSettings(c.env))
  c.set('now', Date.now())
  await next()
})

/** For components: hono/jsx-renderer has the same, and brings streams and a DOM, 8 KiB of a Worker. */
export const useVisit = () => getContext<Visit>()

export const originOf = (url: string) => new URL(url).origin
export const isHttps = (url: string) => new URL(url).protocol === 'https:'

/** Never throws: that D1 does not answer is a verdict too. */
export async function badgeFor(db: D1Database, settings: Settings, now: number): Promise<Badge> {
  return badgeOf(await judge(db, settings, now))
}
