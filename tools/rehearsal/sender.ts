/** ZEGOCLOUD in one row, and whoever has seen its callbacks go by. */
import { forgeriesFrom } from '../zegocloud/forgeries.ts'
import { SECRET } from '../lib/secrets.ts'
import {
  ATTEMPT_TIMEOUT_SECONDS,
  type Answer,
  type Callback,
  callbackFor,
  deliver,
  encode,
  encodings,
  post,
  retryModes,
  stamp,
} from '../zegocloud/callback.ts'

/** What was sent, and what was answered. */
export type Sent = {
  sent: Map<string, Callback>
  acknowledged: Set<string>
  /** The answers to genuine callbacks, in milliseconds of the Worker's time. */
  answers: Answer[]
}

export type Sender = ReturnType<typeof senderTo>

export function senderTo(url: URL, scale: number) {
  const so: Sent = { sent: new Map(), acknowledged: new Set(), answers: [] }
  const timing = { timeScale: scale, timeoutSeconds: ATTEMPT_TIMEOUT_SECONDS * scale }

  async function play(callback: Callback, index: number) {
    so.sent.set(callback.task_id, callback)
    const { delivered, last } = await deliver(url, callback, {
      ...timing,
      secret: SECRET,
      encoding: encodings[index % encodings.length]!,
      retry: retryModes[index % retryModes.length]!,
      onAnswer: (answer) => so.answers.push({ ...answer, ms: answer.ms / scale }),
    })
    if (delivered) so.acknowledged.add(callback.task_id)
    return last
  }

  /** A fourth comes once more after its acknowledgement, whichever answer that was. */
  async function playTask(index: number) {
    const first = callbackFor({ secret: SECRET, vendor: index % 4 === 3 ? 'hw' : 'tencent' })
    const last = await play(first, index)
    if (index % 4 === 0 && so.acknowledged.has(first.task_id)) await play({ ...last, ...stamp(SECRET) }, index + 1)
    return last
  }

  async function playForgeries(captured: Callback) {
    for (const [, fields] of forgeriesFrom(captured, SECRET)) await post(url, encode(fields, 'json'), timing)
  }

  return { so, playTask, playForgeries }
}
