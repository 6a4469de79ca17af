/** The entry: what Cloudflare calls. */
import { app } from './app.ts'
import { consume, everyMinute } from './jobs.ts'
import type { Env } from './settings.ts'

export default {
  fetch: app.fetch,
  async queue(batch, env) {
    await consume(batch.messages, env)
  },
  async scheduled(controller, env) {
    await everyMinute(env, controller.scheduledTime)
  },
} satisfies ExportedHandler<Env>
