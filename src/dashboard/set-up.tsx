/** What is still to be done before anything can be received or read. Nothing else can be seen until then. */
import type { Check } from './checks.ts'
import { Checks } from './health.tsx'
import { Page } from './layout.tsx'

export function SetUp({ checks, origin, now }: { checks: readonly Check[]; origin: string; now: number }) {
  return (
    <Page title="Set up">
      <div class="empty">
        <h1>Almost there</h1>
        <p>
          Run what is missing in the project’s directory, then load this page again. On your own machine, put the same
          names into <code>.dev.vars</code>.
        </p>
        <Checks checks={checks} now={now} />
        <h2>Then give this URL to ZEGOCLOUD</h2>
        <p>For the callbacks of on-demand screenshots; the last part where you set CALLBACK_PATH_TOKEN.</p>
        <pre tabindex={0}>{`${origin}/zego/callback/<CALLBACK_PATH_TOKEN>`}</pre>
      </div>
    </Page>
  )
}
