/** How all is: a checklist, and a callback to try it with. Without secrets it is what is still to be done. */
import { isFault } from '../settings.ts'
import { type Check, secretChecks } from './checks.ts'
import { Age, Post } from './parts.tsx'
import { originOf, useVisit } from './visit.ts'

type Health = {
  checks: readonly Check[]
  /** The steps of a test callback that was just sent. */
  test: readonly Check[] | undefined
}

export function Health({ checks, test }: Health) {
  const isWell = checks.every(({ shape }) => shape === 'well')
  return (
    <>
      <h1>{isWell ? 'All is well' : 'Worth a look'}</h1>
      {test && (
        <section aria-label="Test callback">
          <h2>Test callback</h2>
          <Checks checks={test} />
        </section>
      )}
      <div class="acts">
        <Post to="/health/test">{test ? 'Send another test callback' : 'Send a test callback'}</Post>
        <small>Signed here, received like any other, deleted afterwards; no consumer sees it.</small>
      </div>
      <Checks checks={checks} />
      <h2>The URL for ZEGOCLOUD</h2>
      <CallbackUrl />
    </>
  )
}

/** Nothing else can be seen until it is done. */
export function SetUp() {
  return (
    <div class="empty">
      <h1>Almost there</h1>
      <p>
        Run each command below in the project’s directory, then load this page again. On your own machine, put the same
        names into <code>.dev.vars</code> instead.
      </p>
      <Checks checks={secretChecks(useVisit().get('settings'))} />
      <h2>Then give this URL to ZEGOCLOUD</h2>
      <p>For the callbacks of on-demand screenshots.</p>
      <CallbackUrl />
    </div>
  )
}

/** Where a path token is set, a placeholder stands for it: the token itself is never shown. */
export function CallbackUrl() {
  const c = useVisit()
  const { pathTokens } = c.get('settings')
  const hasToken = isFault(pathTokens) || pathTokens.length > 0
  return (
    <>
      <pre tabindex={0}>{`${originOf(c.req.url)}/zego/callback${hasToken ? '/<CALLBACK_PATH_TOKEN>' : ''}`}</pre>
      {hasToken && (
        <small>
          Put your path token in place of <code>{'<CALLBACK_PATH_TOKEN>'}</code>. It is not shown here.
        </small>
      )}
    </>
  )
}

const UNSEEN: Record<Check['shape'], string> = { well: 'Well: ', waiting: 'Worth a look: ', bad: 'Unwell: ' }

function Checks({ checks }: { checks: readonly Check[] }) {
  return (
    <ul class="checks">
      {checks.map(({ shape, words, at, more, command }) => (
        <li>
          <span class={`status ${shape}`}>
            <span>
              <span class="unseen">{UNSEEN[shape]}</span>
              {words}
              {at !== undefined && [', ', <Age at={at} />]}
            </span>
          </span>
          {more !== undefined && <small>{more}</small>}
          {command !== undefined && <pre tabindex={0}>{command}</pre>}
        </li>
      ))}
    </ul>
  )
}
