/** The whole record of an event, also where the event was too large for a queue message. */
import { completedRecord, type CompletedRecord, type SnapshotEvent } from './event.ts'
import { Dead } from './dead.ts'
import { failureOf, USER_AGENT } from './http.ts'

export type CompletedEvent = Extract<SnapshotEvent, { type: 'com.zegocloud.snapshot.completed' }>

export type Settings = {
  /** The origin of the receiver, such as `https://zego-snapshots.<account>.workers.dev`. */
  RECEIVER_URL?: string
  /** The receiver's own. */
  API_TOKEN?: string
}

export async function recordOf(
  event: CompletedEvent,
  settings: Settings,
  signal: AbortSignal,
): Promise<CompletedRecord> {
  if (event.dataref === undefined) return event.data
  const { RECEIVER_URL, API_TOKEN } = settings
  if (!RECEIVER_URL || !API_TOKEN) throw new Error('RECEIVER_URL and API_TOKEN are not both set')
  const url = new URL(event.dataref, RECEIVER_URL)
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${API_TOKEN}`, 'user-agent': USER_AGENT },
    // The token is for the receiver alone.
    redirect: 'manual',
    signal,
  })
  if (response.ok) return completedRecord.parse(await response.json())
  const failure = `the receiver ${await failureOf(response)}`
  throw response.status === 404 ? new Dead(failure) : new Error(failure)
}
