/** What happens in a fault once all that was sent has an answer. */
import { API_TOKEN, SECRET } from '../lib/secrets.ts'
import { type Callback, encode, post, stamp } from '../zegocloud/callback.ts'
import type { Ending } from './faults.ts'
import type { Receiver } from './receiver.ts'
import type { Sender } from './sender.ts'

/** What an ending leaves for the verdict. */
export type Ends = { deleted: Set<string>; heldUp: string[] }

const TEN_MINUTES_MS = 600_000
const FORGED_TASKS = 5
/** More than the quarantine keeps of one signature. */
const FORGERIES = 20

export const endings: Record<Ending, (receiver: Receiver, sender: Sender, ends: Ends) => Promise<unknown>> = {
  'an hour passes': (receiver) => passAnHour(receiver),
  async 'KV must have all'(receiver, { so }, ends) {
    await passAnHour(receiver)
    const { kvKeys } = await receiver.state()
    ends.heldUp = [...so.acknowledged].filter((task_id) => !kvKeys.includes(task_id))
  },
  'is forged': (_receiver, { so, playManyForgeries }) =>
    Promise.all(so.accepted.slice(0, FORGED_TASKS).map((callback) => playManyForgeries(callback, FORGERIES))),
  async 'is operated'({ callbackUrl }, { so }, { deleted }) {
    const tasks = [...so.sent.values()]
    const third = (n: number) => tasks.filter((_, index) => index % 3 === n)
    await Promise.all(third(0).map((callback) => remove(callbackUrl, callback)))
    for (const { task_id } of third(0)) deleted.add(task_id)
    const winners = await Promise.all(third(1).map((callback) => replace(callbackUrl, callback)))
    for (const winner of winners) so.sent.set(winner.task_id, winner)
  },
}

async function passAnHour(receiver: Receiver) {
  for (let left = 6; left > 0; left -= 1) {
    await receiver.putClockForward(TEN_MINUTES_MS)
    const drains = Math.floor(receiver.now() / TEN_MINUTES_MS) * TEN_MINUTES_MS
    await receiver.cron(drains).catch(() => undefined)
  }
}

async function remove(url: URL, { task_id }: Callback) {
  await operate('DELETE', new URL(`/v1/snapshots/${encodeURIComponent(task_id)}`, url))
}

/** Other pictures for the same task, which an operator lets win. */
async function replace(url: URL, callback: Callback): Promise<Callback> {
  const other = { ...callback, ...stamp(SECRET), snapshot_pic_list: [{ url: 'http://127.0.0.1/other.svg' }] }
  const { text } = await post(url, encode(other, 'json'))
  const { id = '' } = JSON.parse(text) as { id?: string }
  await operate('POST', new URL(`/v1/quarantine/${encodeURIComponent(id)}/retry?replace=true`, url))
  return other
}

async function operate(method: string, url: URL) {
  const headers = { authorization: `Bearer ${API_TOKEN}`, connection: 'close' }
  const response = await fetch(url, { method, headers })
  if (!response.ok) throw new Error(`${method} ${url.pathname}: ${response.status} ${await response.text()}`)
  await response.body?.cancel()
}
