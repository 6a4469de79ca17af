/** The frame of every page: its head, the bar at its top, and what the last action has to say. */
import { createMiddleware } from 'hono/factory'
import { html } from 'hono/html'
import type { Child } from 'hono/jsx'
import { badgeOf } from '../store/health.ts'
import { assetPath } from './assets.ts'
import { healthOf, useVisit, type Visit } from './visit.ts'
import { ago, FLASHES, utc } from './words.ts'

const SECTIONS = { Gallery: '/', Quarantine: '/quarantine', Health: '/health' }

type Head = { title: string; section?: keyof typeof SECTIONS }

declare module 'hono' {
  interface ContextRenderer {
    // oxlint-disable-next-line typescript/prefer-function-type
    (page: string | Promise<string>, head: Head): Response | Promise<Response>
  }
}

export const frame = createMiddleware<Visit>(async (c, next) => {
  c.setRenderer((page, head) => c.html(html`<!doctype html>${<Frame {...head}>{page}</Frame>}`))
  await next()
})

const Frame = ({ title, section, children }: Head & { children?: Child }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <title>{`${title} · zego-snapshots`}</title>
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="robots" content="noindex" />
      <meta name="color-scheme" content="light dark" />
      <link rel="icon" type="image/svg+xml" href={assetPath('svg')} />
      <link rel="stylesheet" href={assetPath('css')} />
      <script src={assetPath('js')} defer></script>
    </head>
    <body>
      <header>
        <span class="name">zego-snapshots</span>
        <Navigation section={section} />
      </header>
      <main>
        <Flash />
        {children}
      </main>
    </body>
  </html>
)

/** For a visitor who is signed in. */
function Navigation({ section }: { section: Head['section'] | undefined }) {
  if (!useVisit().get('isSignedIn')) return <></>
  return (
    <>
      <nav aria-label="Pages">
        {Object.entries(SECTIONS).map(([name, path]) => (
          <a href={path} {...(name === section && { 'aria-current': 'page' })}>
            {name}
          </a>
        ))}
      </nav>
      <Badge />
      <form method="post" action="/sign-out">
        <button>Sign out</button>
      </form>
    </>
  )
}

async function Badge() {
  const { shape, words } = badgeOf(await healthOf(useVisit()))
  return <span class={`status ${shape}`}>{words}</span>
}

/** The URL names it, out of a closed list. */
function Flash() {
  const words = FLASHES.get(useVisit().req.query('flash') ?? '')
  if (words === undefined) return <></>
  return (
    <p class="flash" role="status">
      {words}
    </p>
  )
}

/** A moment as its age, and whole for whoever points at it: in UTC, and by a script in the reader's own time zone too. */
export function Age({ at }: { at: number }) {
  return (
    <time datetime={new Date(at).toISOString()} title={utc(at)}>
      {ago(at, useVisit().get('now'))}
    </time>
  )
}

/** The same, and in words. */
export function Moment({ at }: { at: number }) {
  return (
    <>
      <Age at={at} />
      {' · '}
      <time datetime={new Date(at).toISOString()} data-whole>
        {utc(at)}
      </time>
    </>
  )
}

type Pager = { older: string | undefined; newer: string | undefined; words?: readonly [string, string] }

/** Paths of the pages beside this one. */
export function Pager({ older, newer, words = ['Newer', 'Older'] }: Pager) {
  if (older === undefined && newer === undefined) return <></>
  return (
    <nav class="more" aria-label="More">
      {newer !== undefined && (
        <a href={newer} rel="prev">
          {words[0]}
        </a>
      )}
      {older !== undefined && (
        <a href={older} rel="next">
          {words[1]}
        </a>
      )}
    </nav>
  )
}

/** A page that has nothing to show but a fact. */
export function Fact({ title, children }: { title: string; children?: Child }) {
  return (
    <div class="empty">
      <h1>{title}</h1>
      {children}
    </div>
  )
}
