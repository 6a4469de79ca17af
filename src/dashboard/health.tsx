/** How all is: a checklist, and a callback to try it with. */
import type { Check } from './checks.ts'
import { Age, Csrf, Page, type Top } from './layout.tsx'

type Health = {
  top: Top
  checks: readonly Check[]
  /** The steps of a test callback that was just sent. */
  test: readonly Check[] | undefined
  origin: string
  hasPathToken: boolean
  now: number
}

export function Health({ top, checks, test, origin, hasPathToken, now }: Health) {
  const isWell = checks.every(({ shape }) => shape === 'well')
  return (
    <Page title="Health" top={top} place="Health">
      <h1>{isWell ? 'All is well' : 'Worth a look'}</h1>
      {test && (
        <section aria-label="Test callback">
          <h2>Test callback</h2>
          <Checks checks={test} now={now} of="checks steps" />
        </section>
      )}
      <div class="tools test">
        <form method="post" action="/health/test">
          <Csrf csrf={top.csrf} />
          <button>{test ? 'Send another test callback' : 'Send a test callback'}</button>
        </form>
        <small>Signed here, taken like any other, deleted afterwards; no consumer sees it.</small>
      </div>
      <Checks checks={checks} now={now} />
      <h2>The URL for ZEGOCLOUD</h2>
      <pre tabindex={0}>{`${origin}/zego/callback${hasPathToken ? '/<CALLBACK_PATH_TOKEN>' : ''}`}</pre>
    </Page>
  )
}

const UNSEEN: Record<Check['shape'], string> = { well: 'Well: ', waiting: 'Worth a look: ', bad: 'Unwell: ' }

type Checks = { checks: readonly Check[]; now: number; of?: string }

export function Checks({ checks, now, of = 'checks' }: Checks) {
  return (
    <ul class={of}>
      {checks.map(({ shape, words, at, more, command }) => (
        <li>
          <span class={`status ${shape}`}>
            <span>
              <span class="unseen">{UNSEEN[shape]}</span>
              {words}
              {at !== undefined && (
                <>
                  {', '}
                  <Age at={at} now={now} />
                </>
              )}
            </span>
          </span>
          {more !== undefined && <small>{more}</small>}
          {command !== undefined && <pre tabindex={0}>{command}</pre>}
        </li>
      ))}
    </ul>
  )
}
