import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

/** Each binding is set here: Vitest would else read a developer's own .dev.vars. */
const bindings = {
  ZEGO_CALLBACK_SECRET: 'secret',
  API_TOKEN: 'test-token',
  READ_TOKEN: null,
  ALERT_URL: null,
  CALLBACK_PATH_TOKEN: null,
  ZEGO_SERVER_SECRET: null,
  /** How many tasks the model test plays: a few unless somebody asks for more. */
  MODEL_TASKS: process.env.MODEL_TASKS ?? null,
}

/**
 * Somebody has to consume the events: a local queue without a consumer takes anything of any size and forgets it.
 * `GET /` of it gives the events that arrived, and forgets them.
 */
const consumer = {
  name: 'consumer',
  modules: true,
  compatibilityDate: '2026-10-23',
  script: `
    let events = []
    export default {
      queue(batch) { events.push(...batch.messages.map(({ body }) => body)) },
      fetch() { const arrived = events; events = []; return Response.json(arrived) },
    }`,
  queueConsumers: { 'zego-snapshots-events': { maxBatchTimeout: 0.05 } },
}

export default defineConfig({
  test: {
    silent: 'passed-only',
    maxWorkers: 4, // most tests wait: for a deadline, a queue, a process
    projects: [
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings,
              compatibilityFlags: ['service_binding_extra_handlers'],
              queueConsumers: { 'zego-snapshots-intake': { maxBatchTimeout: 0.05, maxRetries: 100 } },
              serviceBindings: { CONSUMER: 'consumer' },
              r2Buckets: ['PICTURES'], // of the example consumer
              workers: [consumer],
            },
          }),
        ],
        test: {
          name: 'workerd',
          include: ['test/**/*.test.ts'],
          exclude: ['test/tools/**', 'test/e2e/**'],
          setupFiles: ['./test/setup.ts'],
          // Some wait for a deadline of 2 s more than once, on machines several times slower than a desk's.
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'node',
          include: ['test/tools/**/*.test.ts', 'test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
