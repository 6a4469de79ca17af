/** INTAKE as the tests play it: what is sent is held, and handed over when a test says so. */
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import worker from '../../src/worker.ts'

export function holdIntake(): unknown[] {
  const held: unknown[] = []
  vi.spyOn(env.INTAKE, 'send').mockImplementation(async (message) => {
    held.push(message)
    return {} as QueueSendResponse
  })
  return held
}

/** What became of a message; `retriedAfter` in seconds. */
export type Fate = { acked: boolean; retriedAfter?: number | undefined }

/** Hands messages over as one batch. */
export async function consume(bodies: readonly unknown[], attempts = 1): Promise<Fate[]> {
  const fates: Fate[] = bodies.map(() => ({ acked: false }))
  const messages = bodies.map((body, n) => ({
    id: String(n),
    timestamp: new Date(),
    attempts,
    body,
    ack: () => (fates[n]!.acked = true),
    retry: (options?: QueueRetryOptions) => (fates[n]!.retriedAfter = options?.delaySeconds),
  }))
  await worker.queue({ queue: 'zego-snapshots-intake', messages, ackAll() {}, retryAll() {} } as never, env)
  return fates
}

/** D1 refuses tasks that begin with `bad`, while it takes the others. */
export async function refuseBad(): Promise<void> {
  await env.DB.prepare(
    `CREATE TRIGGER refuse BEFORE INSERT ON snapshots WHEN NEW.task_id LIKE 'bad%'
    BEGIN SELECT RAISE(ABORT, 'refused'); END`,
  ).run()
}
