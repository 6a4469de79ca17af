/** The frame of every page, and what several pages are made of. */
import type { Context } from 'hono'
import { raw } from 'hono/html'
import type { Child } from 'hono/jsx'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { badgeOf } from '../store/health.ts'
import { assetPath } from './assets.ts'
import { healthOf, usePage, type PageEnv } from './page.ts'
import { ago, utc } from './format.ts'

const SECTIONS = { Gallery: '/', Quarantine: '/quarantine', Health: '/health' }

type Head = { title: string; section?: keyof typeof SECTIONS | undefined }

type Inside = { children?: Child }

export function showPage(
  c: Context<PageEnv>,
  page: Child,
  { status = 200, ...head }: Head & { status?: ContentfulStatusCode },
): Response | Promise<Response> {
  return c.html(<Frame {...head}>{page}</Frame>, status)
}

/** A page that has nothing to show but a fact. */
export function showFact(c: Context<PageEnv>, status: ContentfulStatusCode, title: string, words: Child) {
  const page = (
    <Fact title={title}>
      <p>{words}</p>
    </Fact>
  )
  return showPage(c, page, { title, status })
}

export const Fact = ({ title, children }: { title: string } & Inside) => (
  <div class="empty">
    <h1>{title}</h1>
    {children}
  </div>
)

const Frame = ({ title, section, children }: Head & Inside) => (
  <>
    {raw('<!doctype html>')}
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
  </>
)

/** For a visitor who is signed in. */
async function Navigation({ section }: { section: Head['section'] }) {
  const c = usePage()
  if (!c.get('isSignedIn')) return <></>
  const { shape, words } = badgeOf(await healthOf(c))
  return (
    <>
      <nav aria-label="Pages">
        {Object.entries(SECTIONS).map(([name, path]) => (
          <a href={path} {...(name === section && { 'aria-current': 'page' })}>
            {name}
          </a>
        ))}
      </nav>
      <span class={`status ${shape}`}>{words}</span>
      <Post to="/sign-out">Sign out</Post>
    </>
  )
}

/** What a page says after an action. */
const FLASHES: ReadonlyMap<string, string> = new Map([
  ['sent', 'It is being sent again, to KV and to the queue.'],
  ['unsent', 'There is nothing to send: the task is not known, or has not finished.'],
  ['stored', 'Accepted and stored.'],
  ['duplicate', 'Accepted: the same content is stored already.'],
  ['still', 'Still not accepted: it stays in quarantine.'],
  ['deleted', 'Deleted.'],
  ['left', '1,000 deleted. Repeat to delete the rest.'],
])

/** The URL names it, out of a closed list. */
function Flash() {
  const words = FLASHES.get(usePage().req.query('flash') ?? '')
  return words === undefined ? <></> : <Note>{words}</Note>
}

/** A moment as its age, and whole for whoever points at it: in UTC, and by a script in the reader's own time zone too. */
export const Age = ({ at }: { at: number }) => (
  <time datetime={new Date(at).toISOString()} title={utc(at)}>
    {ago(at, usePage().get('startedAt'))}
  </time>
)

/** The same, and whole beside it. */
export const Moment = ({ at }: { at: number }) => (
  <>
    <Age at={at} />
    {` · ${utc(at)}`}
  </>
)

/** Something that should not be missed. */
export const Note = ({ children }: Inside) => (
  <p class="flash" role="status">
    {children}
  </p>
)

export type Facts = { of: readonly (readonly [string, Child] | false)[] }

export const Facts = ({ of }: Facts) => (
  <dl>
    {of.map(
      (fact) =>
        fact && (
          <>
            <dt>{fact[0]}</dt>
            <dd>{fact[1]}</dd>
          </>
        ),
    )}
  </dl>
)

type Post = { to: string; fields?: readonly (readonly [string, string])[]; look?: 'bad' }

/** A button that does something. */
export const Post = ({ to, fields = [], look, children }: Post & Inside) => (
  <form method="post" action={to}>
    {fields.map(([name, value]) => (
      <input type="hidden" name={name} value={value} />
    ))}
    <button class={look}>{children}</button>
  </form>
)

/** Asks in place before it does what cannot be taken back. */
export const Ask = ({ words, ...post }: Post & { words: readonly [string, string] }) => (
  <details>
    <summary class="button">{words[0]}</summary>
    <Post {...post} look="bad">
      {words[1]}
    </Post>
  </details>
)

type Search = { to: string; label: string; value?: string | undefined }

export const Search = ({ to, label, value = '' }: Search) => (
  <form class="tools" role="search" action={to}>
    <input name="task_id" aria-label={label} placeholder={label} value={value} maxlength={512} />
    <button>Find</button>
  </form>
)

const SHOWN_LENGTH = 100_000

/** A text as it is, or its beginning. */
export function Text({ text }: { text: string }) {
  const shown = text.slice(0, SHOWN_LENGTH).toWellFormed()
  return (
    <>
      <pre tabindex={0}>{shown}</pre>
      {shown.length < text.length && <small>{`The first ${SHOWN_LENGTH} characters of ${text.length}.`}</small>}
    </>
  )
}

type Pager = { older: string | undefined; newer: string | undefined; words?: readonly [string, string] }

/** Paths of the pages beside this one. */
export function Pager({ older, newer, words = ['Newer', 'Older'] }: Pager) {
  const links = [
    { href: newer, rel: 'prev', text: words[0] },
    { href: older, rel: 'next', text: words[1] },
  ].filter(({ href }) => href !== undefined)
  if (links.length === 0) return <></>
  return (
    <nav aria-label="More">
      {links.map(({ text, ...link }) => (
        <a {...link}>{text}</a>
      ))}
    </nav>
  )
}
