/** The health page: the verdict, and a line for each part of it. Without secrets it is what is still to be done. */
import type { Context } from 'hono'
import { isFault } from '../settings.ts'
import { badgeOf } from '../store/health.ts'
import { type Check, healthChecks, put, secretChecks } from './checks.ts'
import { Age, Fact, showPage } from './layout.tsx'
import { healthOf, originOf, usePage, type PageEnv } from './page.ts'

export async function showHealth(c: Context<PageEnv>): Promise<Response> {
  const health = await healthOf(c)
  const page = (
    <>
      <h1>{badgeOf(health).title}</h1>
      <Checks checks={healthChecks(health, c.get('settings'), c.get('startedAt'))} />
      <h2>The URL for ZEGOCLOUD</h2>
      <CallbackUrl />
      <h2>To try it</h2>
      <Doctor />
    </>
  )
  return showPage(c, page, { title: 'Health', section: 'Health' })
}

/** The command that sends a signed callback from outside, as ZEGOCLOUD would, and says what becomes of it. */
export const Doctor = () => <pre tabindex={0}>{`npm run doctor -- ${originOf(usePage().req.url)}`}</pre>

/** Nothing else can be seen until it is done. */
export function SetUp() {
  return (
    <Fact title="Almost there">
      <p>
        Run each command below in the project’s directory, then load this page again. On your own machine, put the same
        names into <code>.dev.vars</code> instead.
      </p>
      <Checks checks={secretChecks(usePage().get('settings'))} />
      <h2>Then give this URL to ZEGOCLOUD</h2>
      <p>For the callbacks of on-demand screenshots.</p>
      <CallbackUrl />
    </Fact>
  )
}

/** Of a path token that is set a placeholder is shown: the token itself never is. */
export function CallbackUrl() {
  const c = usePage()
  const { pathTokens } = c.get('settings')
  const url = `${originOf(c.req.url)}/zego/callback`
  if (isFault(pathTokens) || pathTokens.length > 0) {
    return (
      <>
        <pre tabindex={0}>{`${url}/<CALLBACK_PATH_TOKEN>`}</pre>
        <small>
          Put your path token in place of <code>{'<CALLBACK_PATH_TOKEN>'}</code>. It is not shown here.
        </small>
      </>
    )
  }
  const token = newPathToken()
  return (
    <>
      <pre tabindex={0}>{`${url}/${token}`}</pre>
      <small>
        It ends in a path token that was made for you now: a second factor, since ZEGOCLOUD does not sign the body. Copy
        both, give ZEGOCLOUD the URL first, and set the token once ZEGOCLOUD uses it:
      </small>
      <pre tabindex={0}>{put('CALLBACK_PATH_TOKEN', token)}</pre>
    </>
  )
}

const TOKEN_BYTES = 16

function newPathToken(): string {
  return crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)).toHex()
}

const UNSEEN: Record<Check['shape'], string> = {
  well: 'Healthy: ',
  waiting: 'Needs attention: ',
  bad: 'Failing: ',
  note: 'Note: ',
}

function Checks({ checks }: { checks: readonly Check[] }) {
  return (
    <ul class="checks">
      {checks.map(({ shape, words, at, more, command, page }) => (
        <li>
          <span class={`status ${shape}`}>
            <span>
              <span class="unseen">{UNSEEN[shape]}</span>
              {page === undefined ? words : <a href={page}>{words}</a>}
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
