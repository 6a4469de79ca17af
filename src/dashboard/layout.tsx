/** The frame of every page: its head, the bar at its top, and what the last action has to say. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { html } from 'hono/html'
import type { Child } from 'hono/jsx'
import { badgeOf } from '../store/health.ts'
import { assetPath } from './assets.ts'
import { Fact, Note, Post } from './parts.tsx'
import { healthOf, useVisit, type Visit } from './visit.ts'
import { FLASHES } from './words.ts'

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
      <Post to="/sign-out">Sign out</Post>
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
  return words === undefined ? <></> : <Note>{words}</Note>
}

/** A page that has nothing to show but a fact. */
export function showFact(c: Context<Visit>, status: 403 | 404 | 413 | 500 | 503, title: string, words: Child) {
  c.status(status)
  return c.render(
    <Fact title={title}>
      <p>{words}</p>
    </Fact>,
    { title },
  )
}
