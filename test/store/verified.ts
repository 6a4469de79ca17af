/** Callbacks as they are when they have been verified, ready to be settled. */
import type { CompletedRecord } from '../../src/event.ts'
import type { VerifiedCallback } from '../../src/callback/snapshot.ts'

export function record(task_id: string, urls: string[] = ['http://pictures.test/1.jpg']): CompletedRecord {
  return {
    task_id,
    status: 'completed',
    appid: '12345',
    vendor: 'tencent',
    snapshot_pic_list: urls.map((url) => ({ url })),
    via: 'callback',
    signed_at: '2023-11-14T22:13:20.000Z',
    received_at: '2023-11-14T22:13:20.412Z',
  }
}

/** A callback of `content` for `task_id`: the same words give the same one. */
export function verified(signature: string, content = 'content', task_id = 'task'): VerifiedCallback {
  const stored = record(task_id, [`http://pictures.test/${content}.jpg`])
  return {
    signature,
    content,
    latestClaim: 1_700_000_000_000,
    receivedAt: 1_700_000_000_412,
    signedAt: 1_700_000_000_000,
    event: 'snapshot',
    task_id,
    raw: { bytes: new TextEncoder().encode(`body of ${content}`), contentType: null, contentEncoding: null },
    snapshot: { record: stored, text: JSON.stringify(stored) },
  }
}

export function unusable(signature: string, content = 'content'): VerifiedCallback {
  const snapshot = { reason: 'unsupported_event', detail: 'The event is "compose".' } as const
  return { ...verified(signature, content), snapshot }
}
