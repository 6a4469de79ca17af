import { reset } from 'cloudflare:test'
import { afterAll, afterEach, beforeEach, vi } from 'vitest'
import { verdict } from '../src/store/installation.ts'

/** Each test begins with empty stores; the Worker makes its own schema. */
beforeEach(reset)

/** Most tests put rows into D1 alone, and have no question whose they are. */
beforeEach(() => {
  Object.assign(verdict, { isForeign: false, until: Infinity, lookingUntil: 0 })
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** What the last test left for after its answer: a file that ends in the middle of it can keep the runner from ending. */
afterAll(() => scheduler.wait(300))
