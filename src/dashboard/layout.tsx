/** The page around every page. */
import type { Child } from 'hono/jsx'
import { assetPath } from './assets.ts'
import type { Badge } from './badge.ts'
import { ago } from './words.ts'

export type Place = 'Gallery' | 'Quarantine' | 'Health'

/** What a page of somebody who is signed in needs for its top. `badge` is unknown while D1 does not answer. */
export type Top = { csrf: string; badge: Badge | undefined }

const PLACES: Record<Place, string> = { Gallery: '/', Quarantine: '/quarantine', Health: '/health' }

type Page = { title: string; children?: Child; top?: Top; place?: Place; head?: Child }

export function Page({ title, children, top, place, head }: Page) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{`${title} · zego-snapshots`}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        {head}
        <link rel="icon" type="image/svg+xml" href={assetPath('svg')} />
        <link rel="stylesheet" href={assetPath('css')} />
        <script src={assetPath('js')} defer></script>
      </head>
      <body>
        <div class="bar">
          <header>
            <span class="name">zego-snapshots</span>
            {top && <Navigation top={top} place={place} />}
          </header>
        </div>
        <main>{children}</main>
      </body>
    </html>
  )
}

function Navigation({ top, place }: { top: Top; place: Place | undefined }) {
  return (
    <>
      <nav aria-label="Pages">
        {Object.entries(PLACES).map(([name, path]) => (
          <a href={path} {...(name === place && { 'aria-current': 'page' })}>
            {name}
          </a>
        ))}
      </nav>
      {top.badge && <span class={`status ${top.badge.shape}`}>{top.badge.words}</span>}
      <form method="post" action="/sign-out">
        <Csrf csrf={top.csrf} />
        <button>Sign out</button>
      </form>
    </>
  )
}

/** What each form of a session sends along. */
export function Csrf({ csrf }: { csrf: string }) {
  return <input type="hidden" name="csrf" value={csrf} />
}

/** A moment as its age, and whole for whoever points at it. */
export function Age({ at, now }: { at: number; now: number }) {
  const iso = new Date(at).toISOString()
  return (
    <time datetime={iso} title={iso}>
      {ago(at, now)}
    </time>
  )
}

/** A page that has nothing to show but a fact. */
export function Plain({ title, children, top }: { title: string; children?: Child; top?: Top }) {
  return (
    <Page title={title} {...(top && { top })}>
      <div class="empty">
        <h1>{title}</h1>
        {children}
      </div>
    </Page>
  )
}
