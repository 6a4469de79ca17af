/** What every page, and every part of one, knows of its request. */
import { getContext } from 'hono/context-storage'
import { createMiddleware } from 'hono/factory'
import { log, messageOf } from '../log.ts'
import { type Env, faultsOf, readSettings, type Settings } from '../settings.ts'
import { type Badge, badgeOf } from './badge.ts'

export type Visit = {
  Bindings: Env
  Variables: {
    settings: Settings
    /** In milliseconds. */
    now: number
    /** Of a visitor who is signed in; `undefined` in it while D1 does not answer. */
    badge?: Promise<Badge | undefined>
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

/** Never throws: a page is worth more than its badge. */
export async function badgeFor(db: D1Database, settings: Settings, now: number): Promise<Badge | undefined> {
  if (faultsOf(settings).length > 0) return { shape: 'bad', words: 'a setting is broken' }
  try {
    return await badgeOf(db, now)
  } catch (error) {
    log('warn', 'dashboard.unjudged', { why: messageOf(error) })
    return undefined
  }
}
