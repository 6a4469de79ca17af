import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, vi } from 'vitest'

/** Each test begins with empty stores; the Worker makes its own schema. */
beforeEach(reset)

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})
