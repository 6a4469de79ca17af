import { reset } from 'cloudflare:test'
import { afterAll, afterEach, beforeEach, vi } from 'vitest'

/** Each test begins with empty stores; the Worker makes its own schema. */
beforeEach(reset)

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** What the last test left for after its answer: a file that ends in the middle of it can keep the runner from ending. */
afterAll(() => scheduler.wait(300))
