import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { alertServer } from '../../tools/start/alerts.ts'

test.each([
  [JSON.stringify({ text: 'Callbacks are refused.', status: 'degraded' }), 'alert  Callbacks are refused.'],
  ['no JSON', 'alert  no JSON'],
])('prints an alert as a line: %s', async (body, line) => {
  const print = vi.fn()
  const server = alertServer(print)
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const { status } = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body })
  expect(status).toBe(204)
  await vi.waitFor(() => expect(print).toHaveBeenCalledExactlyOnceWith(line))
})
