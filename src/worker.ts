/** The entry: what Cloudflare calls. */
import { app } from './app.ts'
import { consume, everyMinute } from './jobs.ts'
import type { Env } from './settings.ts'
import { LOOK_DEADLINE_MS, ownBindings } from './store/installation.ts'

export default {
  async fetch(request: Request, env, ctx) {
    return app.fetch(request, await ownBindings(env, LOOK_DEADLINE_MS.answer), ctx)
  },
  async queue(batch, env) {
    await consume(batch.messages, await ownBindings(env, LOOK_DEADLINE_MS.job))
  },
  async scheduled(controller, env) {
    await everyMinute(await ownBindings(env, LOOK_DEADLINE_MS.job), controller.scheduledTime)
  },
} satisfies ExportedHandler<Env>
