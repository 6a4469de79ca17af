/** The way in. */
import { Page } from './layout.tsx'

export function SignIn({ next, wrong }: { next: string; wrong?: string | undefined }) {
  return (
    // Under `no-referrer` a browser posts `Origin: null`, and the sign-in wants to know where the form came from.
    <Page title="Sign in" head={<meta name="referrer" content="same-origin" />}>
      <div class="empty">
        <h1>Sign in</h1>
        <p>With the API token of this receiver.</p>
        {wrong !== undefined && (
          <p class="note bad" role="alert">
            {wrong}
          </p>
        )}
        <form method="post" action="/sign-in">
          <label for="token">API token</label>
          <input id="token" name="token" type="password" autocomplete="current-password" required autofocus />
          <input type="hidden" name="next" value={next} />
          <button class="first">Sign in</button>
        </form>
      </div>
    </Page>
  )
}
