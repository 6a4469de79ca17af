/** What several pages are made of. */
import type { Child } from 'hono/jsx'
import { useVisit } from './visit.ts'
import { ago, utc } from './words.ts'

type Inside = { children?: Child }

/** A moment as its age, and whole for whoever points at it: in UTC, and by a script in the reader's own time zone too. */
export const Age = ({ at }: { at: number }) => (
  <time datetime={new Date(at).toISOString()} title={utc(at)}>
    {ago(at, useVisit().get('now'))}
  </time>
)

/** The same, and in words. */
export const Moment = ({ at }: { at: number }) => (
  <>
    <Age at={at} />
    {' · '}
    <time datetime={new Date(at).toISOString()} data-whole>
      {utc(at)}
    </time>
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

type Post = { to: string; fields?: readonly (readonly [string, string])[]; look?: 'first' | 'bad' }

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
    <nav class="more" aria-label="More">
      {links.map(({ text, ...link }) => (
        <a {...link}>{text}</a>
      ))}
    </nav>
  )
}

/** A page that has nothing to show but a fact. */
export const Fact = ({ title, children }: { title: string } & Inside) => (
  <div class="empty">
    <h1>{title}</h1>
    {children}
  </div>
)
