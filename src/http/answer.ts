/** What became of a callback, as an answer. */
import { describeRefusal } from '../callback/refusal.ts'
import type { Received } from '../receive.ts'
import type { Retried } from '../quarantine/retry.ts'
import { notFound, problem } from './problem.ts'

/** ZEGOCLOUD repeats 2 s after the first attempt anyway. */
const RETRY_AFTER_SECONDS = 2

export function answer(received: Received | Retried['received']): Response {
  switch (received.status) {
    case 'stored':
    case 'duplicate':
      return Response.json({ status: received.status, task_id: received.task_id })
    case 'quarantined':
      return Response.json({ status: received.status, id: received.id, reason: received.reason }, { status: 202 })
    case 'accepted':
      return Response.json({ status: received.status, task_id: received.task_id }, { status: 202 })
    case 'refused': {
      const { code } = received.refusal
      const description = describeRefusal(received.refusal)
      if (code === 'wrong_path') return problem(notFound(description.detail).problem)
      const headers = code === 'storage_unavailable' ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {}
      return problem({ code, ...description, headers })
    }
  }
}
