/** The entry: what Cloudflare calls. */
import { app } from './app.ts'
import { sweep } from './forward/sweep.ts'
import { readSettings, retentionDaysOf, type Env } from './settings.ts'

export default {
  fetch: app.fetch,
  async scheduled(_controller, env) {
    await sweep(env, retentionDaysOf(readSettings(env)), Date.now())
  },
} satisfies ExportedHandler<Env>
