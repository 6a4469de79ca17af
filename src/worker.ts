/** The entry: what Cloudflare calls. */
import { app } from './app.ts'
import { type IntakeMessage, isCallback, isWork } from './intake/buffer.ts'
import { consumeCallbacks } from './intake/consume.ts'
import { everyMinute, continueJobs } from './jobs.ts'
import type { Env } from './settings.ts'

export default {
  fetch: app.fetch,
  async queue(batch, env) {
    await consumeCallbacks(batch.messages.filter(isCallback), env, Date.now())
    await continueJobs(batch.messages.filter(isWork), env)
  },
  async scheduled(controller, env) {
    await everyMinute(env, controller.scheduledTime)
  },
} satisfies ExportedHandler<Env, IntakeMessage>
