/** Asking ZEGOCLOUD about a task, and its answer in words. */
import type { SnapshotRecord } from '../event.ts'
import { type Env, isFault, readSettings, type Settings } from '../settings.ts'
import { type ApiFailure, callerFor, isFailure } from '../zego/client.ts'
import { type Confirmation, confirm } from '../zego/confirm.ts'
import { vendorOf, zegoConfig } from '../zego/config.ts'
import { Note, Text } from './parts.tsx'
import { plural } from './words.ts'

export type ZegoAnswer = Confirmation | ApiFailure

/** Whether ZEGOCLOUD can be asked about a task of that app and vendor. */
export function canBeAsked({ serverSecrets }: Settings, { appid, vendor }: { appid: string; vendor: string }): boolean {
  return !isFault(serverSecrets) && serverSecrets.has(appid) && vendorOf(vendor) !== undefined
}

/** `undefined` where ZEGOCLOUD cannot be asked. Throws when D1 does not answer. */
export async function askZego(env: Env, record: SnapshotRecord): Promise<ZegoAnswer | undefined> {
  const config = zegoConfig(readSettings(env))
  const caller = isFault(config) ? undefined : callerFor(config, record.appid, env.DB)
  const vendor = vendorOf(record.vendor)
  return caller && vendor && confirm(caller, record, vendor)
}

export function Answer({ answer }: { answer: ZegoAnswer }) {
  const others = !isFailure(answer) && answer.confirmed === false ? answer.zegocloud : []
  return (
    <>
      <Note>{answerWords(answer)}</Note>
      {others.length > 0 && <Text text={others.join('\n')} />}
    </>
  )
}

export function answerWords(answer: ZegoAnswer): string {
  if (isFailure(answer)) return failureWords(answer)
  if (answer.confirmed === null) {
    if (answer.reason === 'unknown') return 'ZEGOCLOUD does not know this task, or no longer: it cannot tell.'
    return 'ZEGOCLOUD has not finished this task: there is nothing to compare yet.'
  }
  if (answer.confirmed) return 'ZEGOCLOUD confirms it.'
  const { length } = answer.zegocloud
  if (length === 0) return 'ZEGOCLOUD does not confirm it: it names no picture of this task.'
  return `ZEGOCLOUD does not confirm it: it names ${plural(length, 'other picture')}.`
}

function failureWords(failure: ApiFailure): string {
  switch (failure.code) {
    case 'zego_error':
      return `ZEGOCLOUD answered ${failure.zegoCode}: ${failure.message}. ${failure.advice}`
    case 'too_frequent':
      return `ZEGOCLOUD is asked too often for this app. Ask again in ${failure.retryAfterSeconds} s.`
    case 'zego_unknown':
      return `ZEGOCLOUD was asked, and ${failure.why}. Ask again.`
  }
}
