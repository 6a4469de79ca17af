/// <reference types="vite/types/importMeta.d.ts" />

declare namespace Cloudflare {
  interface Env {
    DB: D1Database
    RESULTS: KVNamespace
    ASIDE: KVNamespace
    EVENTS: Queue<import('../src/event.ts').SnapshotEvent>
    INTAKE: Queue
    ZEGO_CALLBACK_SECRET: string
    API_TOKEN: string
    /** The stand-in consumer of vitest.config.ts. */
    CONSUMER: Fetcher
    /** The example consumer's bucket. */
    PICTURES: R2Bucket
  }
  interface GlobalProps {
    mainModule: typeof import('../src/worker.ts')
  }
}
